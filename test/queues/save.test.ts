import { describe, expect, it } from 'vitest';

import { everythingBut, NetDriver, openModern } from '../../src/driver/index.js';
import { queueThreadsHere } from '../../src/lab/targets/queueThreads.js';
import { notifier } from '../../src/lab/traffic/index.js';
import { plainFrame } from '../support/frames.js';
import { exchangeable } from './exchangeable.js';
import { LivingThreads } from './living.js';

const pair = 1;
const output = 2 * pair + 1;

describe('a card whose threads and driver go on while it is saved', () => {
  it('is saved as at one moment: a packet is sent once', async () => {
    const threads = new LivingThreads(2);
    const [before, after] = [threads.target, queueThreadsHere(3)];
    const { machine, use } = exchangeable(before.machine);
    const accept = everythingBut('VIRTIO_F_RING_PACKED');
    const driver = await NetDriver.start(await openModern(machine), { queueSize: 16, accept });
    await driver.transmitters[pair].add(plainFrame(60));
    const { driverArea } = driver.transmitters[pair].queue.ring;
    let sends = 0;
    threads.asked = (method) => {
      // Its queues have been saved by then.
      if (method !== 'save' || sends++ > 0) return;
      new DataView(before.memory).setUint16(driverArea + 2, 1, true);
      notifier(before.plan, 0)(output);
    };
    const state = before.threads.whileStill(() => {
      const saved = JSON.stringify(before.function.save());
      new Uint8Array(after.memory).set(new Uint8Array(before.memory));
      return JSON.parse(saved) as unknown;
    });
    expect(sends).toBeGreaterThan(0);
    after.function.restore(state);
    use(after.machine);
    expect(await driver.sent(pair)).toBe(1);
    expect(after.device.counters[pair].txFrames).toBe(1);
    expect(await after.wire.take()).toHaveLength(1);

    // Those that stood still go on.
    threads.work();
    expect(before.device.counters[pair].txFrames).toBe(1);
  });
});
