import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { GuestEnded, startWorkerGuests, type WorkerCard, type WorkerGuest } from '../../src/vm/index.node.js';
import type { BreakableHost } from './breakableWorker.js';
import { readList, share } from '../../src/vm/worker/processors.node.js';
import { workerScript } from '../support/workerScript.js';

const address = (guest: number): string => `10.0.0.${guest}`;

/** The processors that a thread may run on, by what Linux says of it. */
const processorsOf = (status: string): number[] => readList(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)![1]);
const processors = processorsOf(readFileSync(`/proc/self/task/${process.pid}/status`, 'utf8'));

describe('guests in workers of their own', () => {
  let guests: WorkerGuest<BreakableHost>[];
  let cards: WorkerCard[];

  beforeAll(async () => {
    const script = await workerScript(new URL('./breakableWorker.ts', import.meta.url), 'guest');
    guests = await startWorkerGuests({ count: 3, script, deadline: 10_000 });
    cards = await Promise.all(
      guests.map((guest, i) =>
        guest.addCard({ queuePairs: 4, mac: `52:54:00:00:00:0${i + 1}`, address: `${address(i + 1)}/24` }),
      ),
    );
  });

  afterAll(async () => {
    await Promise.all(guests.map((guest) => guest.stop()));
  });

  async function output(guest: number, command: string): Promise<string> {
    const { status, output: text } = await guests[guest - 1].run(command, { timeoutMs: 120_000 });
    expect(status, text).toBe(0);
    return text;
  }

  it('reach each other', async () => {
    for (const [from, to] of [
      [1, 2],
      [2, 3],
      [3, 1],
    ]) {
      expect(await output(from, `ping -c 3 ${address(to)}`)).toContain('3 packets received');
    }
  });

  it('send on all pairs, and lose nothing', async () => {
    await output(1, 'ethtool -L eth0 combined 4');
    await output(2, 'ethtool -L eth0 combined 4; iperf3 -s -D');
    const sum = await output(1, `iperf3 -c ${address(2)} -P 32 -n 1M -J`);
    expect(JSON.parse(sum)).toMatchObject({ end: { sum_received: { bytes: expect.any(Number) as number } } });
    const reports = await Promise.all(cards.map((card) => card.report()));
    for (const { lanes, queuePairsInUse, vectors } of reports.slice(0, 2)) {
      expect(queuePairsInUse).toBe(4);
      expect(lanes.every(({ rxFrames, txFrames }) => rxFrames > 0 && txFrames > 0)).toBe(true);
      expect(lanes.map(({ dropped }) => dropped)).toEqual([{}, {}, {}, {}]);
      expect(vectors.filter(({ use }) => /put/.test(use)).every(({ fired }) => fired > 0)).toBe(true);
    }
    const links = async () => Promise.all(guests.map((guest) => guest.links()));
    const all = (await links()).flat();
    expect(all).toHaveLength(6);
    expect(all.map(({ dropped }) => dropped)).toEqual(all.map(() => ({})));
    const missing = async (): Promise<number> => {
      const [[there], [back]] = await links();
      expect([there.name, back.name]).toEqual(['guest 2', 'guest 1']);
      return there.outFrames - back.inFrames;
    };
    // A guest may send at any time, and each is asked by itself.
    await expect.poll(missing, { timeout: 10_000 }).toBe(0);
  });

  it.skipIf(processors.length === 1)('have processors of their own, as far as there are', async () => {
    const own = await Promise.all(guests.map((guest) => guest.ask((host) => host.threadStatus())));
    expect(own.map(processorsOf)).toEqual(guests.map((_, index) => share(processors, { index, count: guests.length })));
  });

  it('go on when one of them ends', async () => {
    await guests[2].stop();
    expect(await output(1, `ping -c 2 ${address(2)}`)).toContain('2 packets received');
    const { status } = await guests[0].run(`ping -c 1 -w 3 ${address(3)}`);
    expect(status).not.toBe(0);
    expect((await guests[0].links()).map(({ name }) => name)).toEqual(['guest 2']);
    await expect(cards[2].report()).rejects.toBeInstanceOf(GuestEnded);
  });

  it('go on when the worker of one breaks, and nobody waits for that one', async () => {
    const waiting = guests[1].run('sleep 100');
    waiting.catch(() => undefined);
    await guests[1].ask((host) => host.breakSoon());
    await expect(waiting).rejects.toThrow("The guest's worker failed: Error: broken");
    await expect(cards[1].report()).rejects.toBeInstanceOf(GuestEnded);
    await expect(guests[1].pause()).rejects.toBeInstanceOf(GuestEnded);
    expect(await output(1, 'echo here')).toBe('here\n');
    await expect.poll(() => guests[0].links()).toEqual([]);
  });
});
