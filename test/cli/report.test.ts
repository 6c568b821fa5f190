import { describe, expect, it } from 'vitest';

import { driverTables } from '../../src/cli/driverTable.js';
import { report, type Report } from '../../src/cli/report.js';
import { Frame } from '../../src/fabric/index.js';
import { fakeStation, idleStation, watchedStation } from './stations.js';

const aFrame = Uint8Array.from({ length: 60 }, (_, i) => i & 0xfe);

describe('the report of vmq boot --json', () => {
  it('has the shape that programs rely on', async () => {
    const { station, driver } = fakeStation();
    driver.setPairs(2);
    const run = { guest: 1, command: 'true', status: 0, stdout: '' };
    expect(JSON.parse(JSON.stringify(report([await station.report()], [run])))).toEqual({
      guests: [{ mac: '52:54:00:12:34:56', ip: '10.0.0.1', bootMs: 812, fromSnapshot: true }],
      runs: [run],
      devices: [
        {
          queuePairs: 2,
          queuePairsInUse: 2,
          features: expect.arrayContaining(['VIRTIO_NET_F_MQ', 'VIRTIO_F_VERSION_1']) as unknown,
          offered: expect.arrayContaining([{ name: 'VIRTIO_NET_F_MQ', bit: 22 }]) as unknown,
          accepted: expect.arrayContaining([{ name: 'VIRTIO_NET_F_MQ', bit: 22 }]) as unknown,
          refused: expect.arrayContaining([
            { name: 'VIRTIO_F_ACCESS_PLATFORM', bit: 33, reason: 'not offered' },
          ]) as unknown,
          msixEnabled: true,
          vectors: [
            { vector: 0, use: 'config', fired: 0 },
            { vector: 1, use: 'input.0', fired: 0 },
            { vector: 2, use: 'output.0', fired: 0 },
            { vector: 3, use: 'input.1', fired: 0 },
            { vector: 4, use: 'output.1', fired: 0 },
            { vector: 5, use: 'control', fired: expect.any(Number) as unknown },
          ],
          lanes: [
            { rxFrames: 0, txFrames: 0, rxBytes: 0, txBytes: 0, dropped: {}, filtered: {} },
            { rxFrames: 0, txFrames: 0, rxBytes: 0, txBytes: 0, dropped: {}, filtered: {} },
          ],
          faults: [],
        },
      ],
    });
  });

  it('counts frames, bytes and interrupts where they happened', async () => {
    const { station, driver, wire } = fakeStation();
    driver.setPairs(2);
    driver.giveBuffers(1, [2048]);
    driver.send(1, aFrame, aFrame);
    // It comes in on the pair that its flow was sent on.
    wire.deliver(aFrame);
    const [{ lanes, vectors }] = report([await station.report()], []).devices;
    expect(lanes[1]).toMatchObject({ txFrames: 2, txBytes: 120 });
    expect(lanes[1]).toMatchObject({ rxFrames: 1, rxBytes: 60 });
    const fired = Object.fromEntries(vectors.map(({ use, fired }) => [use, fired]));
    expect(fired['input.1']).toBe(1);
    expect(fired['input.0']).toBe(0);
    expect(fired['output.1']).toBeGreaterThan(0);
    expect(fired['output.0']).toBe(0);
  });

  it('adds up what the card and the fabric dropped', async () => {
    const { station, driver, wire, port } = fakeStation();
    driver.giveBuffers(0, [2048]);
    wire.deliver(new Uint8Array(5));
    // Nothing is plugged into this port, which has to count that.
    port.send(new Frame().start(0).add(aFrame, 0, aFrame.length), 0);
    port.send(new Frame().start(0).add(aFrame, 0, aFrame.length), 0);
    expect(report([await station.report()], []).devices[0].lanes[0].dropped).toEqual({ runt: 1, unconnected: 2 });
  });

  it('names no feature before a driver has accepted any', async () => {
    const { station } = idleStation(2);
    const { guests, devices } = report([await station.report()], []);
    expect(guests[0].ip).toBe('10.0.0.2');
    expect(devices[0]).toMatchObject({ features: [], msixEnabled: false, queuePairsInUse: 1 });
    expect(devices[0].vectors.every(({ use }) => use === '')).toBe(true);
  });

  it('has what the drivers did that are watched, by guest', async () => {
    const { station, driver } = watchedStation(2);
    driver.setPairs(1);
    driver.send(1, aFrame);
    const text = JSON.stringify(report([await idleStation().station.report(), await station.report()], []));
    const { driver: drivers } = JSON.parse(text) as Report;
    expect(drivers).toHaveLength(1);
    const [{ guest, statements, violations, leftOut }] = drivers!;
    expect({ guest, leftOut }).toEqual({ guest: 2, leftOut: 0 });
    expect(violations).toContainEqual({
      ...{ statement: 'net-dri-071', section: '5.1.6.5.6.1', says: 'only pairs in use are sent on' },
      ...{ time: expect.any(Number) as unknown, queue: 3, descriptor: expect.any(Number) as unknown },
      seen: 'a packet on pair 1, with 1 in use',
    });
    const pairs = statements.find(({ statement }) => statement === 'net-dri-071');
    expect(pairs).toMatchObject({ section: '5.1.6.5.6.1', checked: 1, violations: 1 });
    expect(report([await idleStation().station.report()], []).driver).toBeUndefined();
  });

  it('has a table of what they broke for people', async () => {
    const { station, driver } = watchedStation(2);
    driver.setPairs(1);
    driver.send(1, aFrame);
    const [totals, broken] = driverTables([await idleStation().station.report(), await station.report()]);
    expect(totals).toMatch(/^The driver of guest 2 broke \d of \d+ statements/);
    expect(broken).toMatch(
      /^ +2 +net-dri-071 +5\.1\.6\.5\.6\.1 +1 +1 +only pairs in use are sent on +a packet on pair 1/m,
    );
    expect(driverTables([await idleStation().station.report()])).toEqual([]);
  });

  it('lists each rule that the driver broke once, with how often', async () => {
    const { station, driver, notes } = fakeStation();
    driver.send(1, aFrame);
    driver.send(1, aFrame);
    expect(report([await station.report()], []).devices[0].faults).toEqual([
      {
        rule: 'transmit-unused-pair',
        message: expect.stringContaining('5.1.6.5.6.1') as unknown,
        needsReset: false,
        count: 2,
      },
    ]);
    expect(notes).toEqual([expect.stringMatching(/^The driver of guest 1 broke a rule: .*5\.1\.6\.5\.6\.1.*\.$/)]);
  });
});
