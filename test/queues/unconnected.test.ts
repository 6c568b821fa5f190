import { describe, expect, it } from 'vitest';

import { NetDriver, openModern } from '../../src/driver/index.js';
import { queueThreadsHere } from '../../src/lab/targets/queueThreads.js';
import { plainFrame } from '../support/frames.js';

const pair = 1;
const lost = 3;

/** What a card counts of that pair. */
function countsOf({ counters, statistics }: ReturnType<typeof queueThreadsHere>['device']) {
  const { txFrames, txBytes, dropped } = counters[pair];
  return { txFrames, txBytes, dropped, drops: statistics.transmit[pair].drops };
}

describe('a card that is connected to nothing', () => {
  it('counts what its threads send as lost, and goes on from that elsewhere', async () => {
    const target = queueThreadsHere(2);
    const { device } = target;
    const driver = await NetDriver.start(await openModern(target.machine), { queueSize: 16 });
    const send = async (count: number): Promise<void> => {
      await driver.send(pair, new Array<Uint8Array>(count).fill(plainFrame(60)));
      expect(await driver.sent(pair)).toBe(count);
    };
    await send(1);
    expect(countsOf(device)).toEqual({ txFrames: 1, txBytes: 60, dropped: {}, drops: 0 });

    const { connectedTo } = device;
    device.attach(undefined);
    await send(lost);
    const counts = { txFrames: 1, txBytes: 60, dropped: { unconnected: lost }, drops: lost };
    expect(countsOf(device)).toEqual(counts);
    expect(countsOf(device)).toEqual(counts);
    device.attach(connectedTo);
    await send(1);
    const more = { ...counts, txFrames: 2, txBytes: 120 };
    expect(countsOf(device)).toEqual(more);

    const other = queueThreadsHere(3);
    new Uint8Array(other.memory).set(new Uint8Array(target.memory));
    other.function.restore(JSON.parse(JSON.stringify(target.function.save())));
    expect(countsOf(other.device)).toEqual(more);
    expect(countsOf(other.device)).toEqual(more);
    other.function.restore(JSON.parse(JSON.stringify(other.function.save())));
    expect(countsOf(other.device)).toEqual(more);
  });
});
