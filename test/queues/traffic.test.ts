import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { commands, resume, suspend } from '../../src/driver/index.js';
import { workerScript } from '../support/workerScript.js';
import { Drivers, type Scripts, type Wishes } from './drivers.js';

let scripts: Scripts;
let drivers: Drivers | undefined;

beforeAll(async () => {
  scripts = {
    queues: await workerScript(new URL('../../src/queues/main.node.ts', import.meta.url), 'queues-traffic'),
    driver: await workerScript(new URL('./driver.worker.ts', import.meta.url), 'queues-driver'),
  };
});

afterEach(async () => {
  await drivers?.close();
  drivers = undefined;
});

async function start(wishes: Wishes): Promise<Drivers> {
  drivers = await Drivers.start(scripts, wishes);
  return drivers;
}

/** Frames that a card sent and received, on all of its pairs. */
function passed({ device }: Drivers['machines'][number]): [sent: number, received: number] {
  const { counters } = device;
  const total = (of: 'txFrames' | 'rxFrames'): number => counters.reduce((sum, lane) => sum + lane[of], 0);
  return [total('txFrames'), total('rxFrames')];
}

const split = 'VIRTIO_F_RING_PACKED';
const noEvents = 'VIRTIO_F_EVENT_IDX';

describe('pairs that are driven and served by threads of their own', () => {
  const kinds: readonly (Wishes & { name: string })[] = [
    { name: 'split', except: [split, noEvents] },
    { name: 'split, event index, interrupts', except: [split], interrupts: true },
    { name: 'split, interrupts, small rings', except: [split, noEvents], queueSize: 8, interrupts: true },
    { name: 'packed', except: [noEvents] },
    { name: 'packed, event index, interrupts', interrupts: true },
    { name: 'packed, interrupts, small rings', except: [noEvents], queueSize: 8, interrupts: true },
  ];
  for (const { name, ...wishes } of kinds) {
    it(`carry every frame once, whole and in order: ${name}`, async () => {
      const frames = wishes.queueSize === 8 ? 2000 : 6000;
      const both = await start(wishes);
      for (const card of [0, 1]) for (const pair of [0, 1]) both.drive(card, pair, 2 * card + pair, frames);
      await both.finish();
      for (const { device } of both.machines) {
        expect(device.counters.map(({ txFrames }) => txFrames)).toEqual([frames, frames]);
        expect(device.counters.reduce((sum, { rxFrames }) => sum + rxFrames, 0)).toBe(2 * frames);
        expect(device.counters.flatMap(({ dropped }) => Object.keys(dropped))).toEqual([]);
      }
    });
  }

  it('lose nothing while the driver changes the number of pairs', async () => {
    const both = await start({});
    const frames = 8000;
    both.drive(0, 0, 0, frames);
    both.drive(0, 1, 1, frames);
    both.drive(1, 0, 2, 1);
    both.drive(1, 1, 3, 1);
    for (const pairs of [1, 2, 1, 2, 1]) {
      await both.control[1].command(commands.setQueuePairs(pairs));
      const { received } = both;
      if (received < 2 * frames) await both.until(Math.min(2 * frames, received + 300));
    }
    // What waits for a pair that goes out of use goes to another, and may come there behind what was sent later.
    await both.finish({ ordered: false });
  });

  it('stand still while the driver suspends the card, and lose nothing', async () => {
    const both = await start({ interrupts: true });
    const frames = 6000;
    for (const pair of [0, 1]) both.drive(0, pair, pair, frames);
    for (const pair of [0, 1]) both.drive(1, pair, 2 + pair, 1);
    const { transport } = both.control[1];
    for (let round = 0; round < 3; round++) {
      await both.until(500 * (round + 1));
      await suspend(transport);
      const before = passed(both.machines[1]);
      await wait(10);
      expect(passed(both.machines[1])).toEqual(before);
      await resume(transport);
    }
    await both.finish();
  });

  it('stand still while somebody saves a card, and lose nothing', async () => {
    const both = await start({});
    const frames = 6000;
    for (const card of [0, 1]) for (const pair of [0, 1]) both.drive(card, pair, 2 * card + pair, frames);
    const [machine] = both.machines;
    const never = new Int32Array(new SharedArrayBuffer(4));
    for (let round = 0; round < 3; round++) {
      await both.until(2000 * (round + 1));
      machine.threads.whileStill(() => {
        machine.function.save();
        const before = both.machines.map(passed);
        Atomics.wait(never, 0, 0, 10);
        expect(both.machines.map(passed)).toEqual(before);
      });
    }
    await both.finish();
  });

  it('start anew after a reset in the midst of it', async () => {
    const both = await start({});
    both.drive(0, 0, 0, 1e9);
    both.drive(0, 1, 1, 1e9);
    both.drive(1, 1, 2, 1e9);
    await both.until(1000);
    await both.restart();
    const before = both.machines.map(passed);
    for (const card of [0, 1]) for (const pair of [0, 1]) both.drive(card, pair, 2 * card + pair, 1000);
    await both.finish();
    // Nothing that was under way at the reset went out or came in behind it.
    expect(both.machines.map(passed)).toEqual(before.map(([sent, received]) => [sent + 2000, received + 2000]));
  });
});
