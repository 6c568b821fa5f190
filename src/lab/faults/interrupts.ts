import { noVector } from '../../pci/ids.js';
import type { Bench } from './bench.js';
import { everyQueue, type Fault } from './fault.js';

const usedBuffers = 'an interrupt for used buffers';

/** A storm is this many interrupts more, one each millisecond. */
const stormInterrupts = 1000;

/** Faults of interrupts and of notifications. */
export const interruptFaults: readonly Fault[] = [
  {
    name: 'interrupt-lost',
    does: 'sends no interrupt for used buffers',
    expects: 'the device interrupts it for used buffers, unless it has suppressed that',
    spec: '2.7.7.2, 2.8.10',
    event: usedBuffers,
    queues: everyQueue,
    arm: (bench, trigger) =>
      aroundInterrupts(bench, (queue, name, send) => {
        if (!trigger.happens(name)) send(queue);
      }),
  },
  {
    name: 'interrupt-duplicate',
    does: 'sends an interrupt for used buffers twice',
    expects: 'interrupts may come when there is nothing new: suppression is a hint',
    spec: '2.7.7, 2.8.10',
    event: usedBuffers,
    queues: everyQueue,
    arm: (bench, trigger) =>
      aroundInterrupts(bench, (queue, name, send) => {
        send(queue);
        if (trigger.happens(name)) send(queue);
      }),
  },
  {
    name: 'interrupt-delayed',
    does: 'sends an interrupt for used buffers late, after 100 ms or `delay`',
    expects: 'no time within which an interrupt comes',
    spec: '2.7.7.2',
    event: usedBuffers,
    queues: everyQueue,
    takesDelay: true,
    arm: (bench, trigger) =>
      aroundInterrupts(bench, (queue, name, send) => {
        if (trigger.happens(name)) bench.after(trigger.condition.delay ?? 100, () => send(queue));
        else send(queue);
      }),
  },
  {
    name: 'interrupt-early',
    does: 'sends the interrupt before the used buffers are visible, which they are after 1 ms or `delay`',
    expects: 'used buffers are visible before their interrupt comes',
    spec: '2.7.8.2, 2.7.7.2',
    event: 'a batch of used buffers',
    queues: everyQueue,
    takesDelay: true,
    arm: (bench, trigger) =>
      bench.eachQueue((queue, name) => {
        let late = false;
        bench.interpose(queue, 'show', (show) => () => {
          if (late || !trigger.happens(name)) {
            if (!late) show();
            return;
          }
          late = true;
          bench.function.interrupts.queue(queue.index);
          bench.after(trigger.condition.delay ?? 1, () => {
            late = false;
            if (!bench.isAtWork(queue)) return;
            show();
            queue.wantsInterrupt(); // The driver has had its interrupt.
          });
        });
      }),
  },
  {
    name: 'interrupt-storm',
    does: 'goes on interrupting after an interrupt for used buffers, 1000 times at 1 ms from each other',
    expects: 'interrupts may come when there is nothing new',
    spec: '2.7.7, 2.8.10',
    event: usedBuffers,
    queues: everyQueue,
    when: { times: 1 },
    arm: (bench, trigger) =>
      aroundInterrupts(bench, (queue, name, send) => {
        send(queue);
        if (!trigger.happens(name)) return;
        const again = (left: number): void => {
          send(queue);
          if (left > 1) bench.after(1, () => again(left - 1));
        };
        bench.after(1, () => again(stormInterrupts));
      }),
  },
  {
    name: 'config-interrupt-lost',
    does: 'sends no interrupt for a change of its configuration',
    expects: 'the device interrupts it when its configuration or DEVICE_NEEDS_RESET changes',
    spec: '3.2.2, 4.1.5.4',
    event: 'a configuration interrupt',
    arm: (bench, trigger) =>
      bench.interpose(bench.function.interrupts, 'config', (send) => () => {
        if (!trigger.happens()) send();
      }),
  },
  {
    name: 'isr-zero',
    does: 'shows 0 in the ISR status though it asserts its interrupt line; without MSI-X only',
    expects: 'the ISR status tells why the line is asserted',
    spec: '4.1.4.5.1',
    event: 'a read of the ISR status that is not 0',
    arm: (bench, trigger) =>
      bench.interpose(bench.function.interrupts, 'readIsr', (read) => () => {
        const value = read();
        return value !== 0 && trigger.happens() ? 0 : value;
      }),
  },
  {
    name: 'vector-refused',
    does: 'maps a queue or its configuration to no vector when the driver asks for one',
    expects: 'the device may have no resources for a vector: the driver reads back what it has written',
    spec: '4.1.5.1.2.1, 4.1.5.1.2.2',
    event: 'a vector that the driver sets',
    queues: everyQueue,
    arm: (bench, trigger) => {
      const { interrupts } = bench.function;
      bench.interpose(interrupts, 'setQueueVector', (set) => (queue, vector) => {
        const refused = vector !== noVector && trigger.happens(bench.device.queueName(queue));
        set(queue, refused ? noVector : vector);
      });
      bench.interpose(interrupts, 'setConfigVector', (set) => (vector) => {
        set(vector !== noVector && trigger.happens() ? noVector : vector);
      });
    },
  },
  {
    name: 'notification-lost',
    does: 'takes no notice of a notification',
    expects: 'the device looks at a queue that it is notified of',
    spec: '2.7.13, 4.1.5.2',
    event: 'a notification',
    queues: everyQueue,
    arm: (bench, trigger) =>
      bench.interpose(bench.device, 'notify', (notify) => (index, byDriver) => {
        if (byDriver === false || !trigger.happens(bench.device.queueName(index))) notify(index, byDriver);
      }),
  },
  {
    name: 'notification-delayed',
    does: 'takes notice of a notification late, after 100 ms or `delay`',
    expects: 'no time within which the device looks at a queue',
    spec: '2.7.13, 4.1.5.2',
    event: 'a notification',
    queues: everyQueue,
    takesDelay: true,
    arm: (bench, trigger) =>
      bench.interpose(bench.device, 'notify', (notify) => (index, byDriver) => {
        if (byDriver !== false && trigger.happens(bench.device.queueName(index))) {
          bench.after(trigger.condition.delay ?? 100, () => notify(index, byDriver));
        } else {
          notify(index, byDriver);
        }
      }),
  },
];

function aroundInterrupts(
  bench: Bench,
  act: (queue: number, name: string, send: (queue: number) => void) => void,
): void {
  bench.interpose(bench.function.interrupts, 'queue', (send) => (queue) => {
    act(queue, bench.device.queueName(queue), send);
  });
}
