import type { AccessWidth } from '../../virtio/registers.js';
import type { Bench } from './bench.js';
import type { Trigger } from './condition.js';
import { everyQueue, type Fault } from './fault.js';
import { eachUse } from './used.js';

const used = 'a used buffer';
const allOnes: Readonly<Record<AccessWidth, number>> = { 1: 0xff, 2: 0xffff, 4: 0xffffffff };

/** Faults of the device as a whole. With `time` and nothing else they come by themselves, else with a used buffer. */
export const deviceFaults: readonly Fault[] = [
  {
    name: 'needs-reset',
    does: 'sets DEVICE_NEEDS_RESET, interrupts, and works no more until the driver resets it',
    expects: 'a device that can not go on says so; the driver should reset it',
    spec: '2.1.1, 2.1.2',
    event: used,
    queues: everyQueue,
    when: { times: 1 },
    arm: (bench, trigger) => once(bench, trigger, () => bench.device.fail('fault injection')),
  },
  {
    name: 'gone',
    does: 'goes away: all registers read as all ones, and nothing happens any more',
    expects: 'nothing; but surprise removal is a thing of PCI, and all ones are how it looks',
    spec: '4.1',
    event: used,
    queues: everyQueue,
    when: { times: 1 },
    arm: (bench, trigger) => once(bench, trigger, () => goAway(bench)),
  },
  {
    name: 'link-flap',
    does: 'loses its link for a second, or for `delay`',
    expects: 'the link status changes with a configuration interrupt',
    spec: '5.1.4, 5.1.6.5.4',
    event: used,
    queues: everyQueue,
    takesDelay: true,
    when: { times: 1 },
    arm: (bench, trigger) =>
      once(bench, trigger, () => {
        bench.device.setLink(false);
        bench.after(trigger.condition.delay ?? 1000, () => bench.device.setLink(true));
      }),
  },
  {
    name: 'transmit-stalled',
    does: 'takes no more packets from a transmit queue until it is reset, or for `delay`',
    expects: 'no time within which a packet is sent',
    spec: '2.6, 5.1.6.2',
    event: 'a used buffer of a transmit queue',
    queues: ['output'],
    takesDelay: true,
    when: { times: 1 },
    arm: (bench, trigger) =>
      eachUse(bench, (name, queue) => ({ complete, written }) => {
        complete(written);
        if (!name.startsWith('output') || !trigger.happens(name)) return;
        const release = bench.device.stall(queue.index >>> 1);
        bench.after(trigger.condition.delay ?? Infinity, release);
      }),
  },
];

/** Does something to the whole device: at its time, or with a used buffer. */
function once(bench: Bench, trigger: Trigger, act: () => void): void {
  const { time, after, every, probability, queue } = trigger.condition;
  if (time !== undefined && (after ?? every ?? probability ?? queue) === undefined) {
    bench.after(time, () => {
      if (trigger.happens()) act();
    });
    return;
  }
  eachUse(bench, (name) => ({ complete, written }) => {
    complete(written);
    // Not in the middle of the device's own work.
    if (trigger.happens(name)) bench.after(0, act);
  });
}

function goAway(bench: Bench): void {
  const { config, bars, interrupts } = bench.function;
  // It has no way left to tell anybody.
  bench.interpose(interrupts, 'queue', () => () => undefined);
  bench.interpose(interrupts, 'config', () => () => undefined);
  for (const space of [config, ...bars]) {
    if (!space) continue;
    bench.interpose(space, 'read', () => (_, width) => allOnes[width]);
    bench.interpose(space, 'write', () => () => undefined);
  }
  bench.device.fail('it went away');
}
