import type { ActiveQueue } from '../../virtio/device.js';
import { hasFeature, VIRTIO_F_IN_ORDER } from '../../virtio/features.js';
import type { DescriptorChain } from '../../virtio/chain.js';
import type { Bench } from './bench.js';
import { everyQueue, type Fault } from './fault.js';

const used = 'a used buffer';
const packet = 'a packet or command that is used';

/** How far beyond a buffer's end a used length reaches that is too long: a page. */
const tooLong = 4096;

/** A name that no buffer of any queue has: the largest queue has 32768 entries. */
const noBuffer = 0xffff;

/** A buffer that the device gives back. */
interface Use {
  readonly chain: DescriptorChain;
  readonly written: number;
  /** It is a packet's first: the buffers of a received packet come back in a row. */
  readonly first: boolean;
  /** Gives it back, as if so many bytes had been written. */
  readonly complete: (written: number) => void;
}

/** Faults of the buffers that the device gives back. */
export const usedFaults: readonly Fault[] = [
  {
    name: 'completion-lost',
    does: 'never gives a buffer back',
    expects: 'each buffer that was made available is used in the end',
    spec: '2.6, 2.7.13',
    event: used,
    queues: everyQueue,
    arm: (bench, trigger) =>
      eachUse(bench, (name) => (use) => {
        if (!trigger.happens(name)) use.complete(use.written);
      }),
  },
  {
    name: 'completion-delayed',
    does: 'gives a buffer, and those behind it, back late, after 100 ms or `delay`',
    expects: 'no time within which a buffer is used',
    spec: '2.6, 2.7.13',
    event: packet,
    queues: everyQueue,
    takesDelay: true,
    arm: (bench, trigger) =>
      eachUse(bench, (name, queue) => {
        let waiting: Use[] = [];
        let waits = false;
        const release = (): void => {
          const uses = waiting;
          waiting = [];
          if (bench.isAtWork(queue)) for (const use of uses) use.complete(use.written);
          bench.publish(queue);
        };
        return (use) => {
          if (use.first) {
            const late = trigger.happens(name);
            if (late && waiting.length === 0) bench.after(trigger.condition.delay ?? 100, release);
            waits = late || waiting.length > 0;
          }
          if (waits) waiting.push(use);
          else use.complete(use.written);
        };
      }),
  },
  {
    name: 'completion-reordered',
    does: 'gives a packet back after the one behind it, or after 100 ms or `delay`; not with VIRTIO_F_IN_ORDER',
    expects: 'without VIRTIO_F_IN_ORDER buffers may be used in any order',
    spec: '2.7.9, 2.8.8',
    event: packet,
    queues: everyQueue,
    takesDelay: true,
    arm: (bench, trigger) =>
      eachUse(bench, (name, queue) => {
        let held: Use[] = [];
        let holds = false;
        let overtaken = false;
        const release = (): void => {
          const uses = held;
          held = [];
          overtaken = false;
          if (bench.isAtWork(queue)) for (const use of uses) use.complete(use.written);
        };
        bench.interpose(queue, 'show', (show) => () => {
          if (overtaken) release();
          show();
        });
        return (use) => {
          if (use.first) {
            if (overtaken) release();
            const inOrder = hasFeature(bench.function.negotiation.features, VIRTIO_F_IN_ORDER);
            holds = held.length === 0 && !inOrder && trigger.happens(name);
            if (holds) {
              bench.after(trigger.condition.delay ?? 100, () => {
                release();
                bench.publish(queue);
              });
            }
          }
          if (holds) held.push(use);
          else {
            overtaken = held.length > 0;
            use.complete(use.written);
          }
        };
      }),
  },
  {
    name: 'used-length-short',
    does: 'says of a buffer that half as many bytes were written as there were',
    expects: 'the length in a used entry is at least what was written',
    spec: '2.7.8.2, 2.8.4',
    event: 'a used buffer with something written in it',
    queues: ['input', 'control'],
    arm: (bench, trigger) =>
      eachUse(bench, (name) => ({ complete, written }) => {
        complete(written > 0 && trigger.happens(name) ? written >>> 1 : written);
      }),
  },
  {
    name: 'used-length-long',
    does: 'says of a buffer that a page more was written than it has room for',
    expects: 'the length in a used entry is no more than the buffer has room for',
    spec: '2.7.8.2, 2.8.4',
    event: used,
    queues: everyQueue,
    arm: (bench, trigger) =>
      eachUse(bench, (name) => ({ chain, complete, written }) => {
        complete(trigger.happens(name) ? chain.writableLength + tooLong : written);
      }),
  },
  {
    name: 'used-id-out-of-range',
    does: 'gives back a buffer by a name beyond the queue, 65535',
    expects: 'a used entry names the head of a chain that was made available',
    spec: '2.7.8, 2.8.5',
    event: used,
    queues: everyQueue,
    when: { times: 1 },
    arm: (bench, trigger) =>
      eachUse(bench, (name) => ({ chain, complete, written }) => {
        if (trigger.happens(name)) chain.head = noBuffer;
        complete(written);
      }),
  },
  {
    name: 'used-id-stale',
    does: 'gives back a buffer by the name of the one before, so that one comes back twice',
    expects: 'a used entry names a buffer that the driver has not had back',
    spec: '2.7.8, 2.8.5',
    event: used,
    queues: everyQueue,
    when: { times: 1 },
    arm: (bench, trigger) =>
      eachUse(bench, (name, queue) => {
        let stale: number | undefined;
        // The driver is to see both at once, or it might have given the first one to the device again.
        bench.interpose(queue, 'show', (show) => () => {
          if (stale === undefined) show();
        });
        return ({ chain, complete, written }) => {
          if (stale !== undefined) {
            chain.head = stale;
            stale = undefined;
          } else if (trigger.happens(name)) {
            stale = chain.head;
          }
          complete(written);
        };
      }),
  },
];

/** Around each buffer that is given back; `make` is called for each queue. */
export function eachUse(bench: Bench, make: (name: string, queue: ActiveQueue) => (use: Use) => void): void {
  bench.eachQueue((queue, name) => {
    const act = make(name, queue);
    let first = true;
    bench.interpose(queue, 'next', (next) => () => {
      first = true;
      return next();
    });
    bench.interpose(queue, 'complete', (complete) => (chain, written) => {
      const isFirst = first || !name.startsWith('input');
      first = false;
      act({ chain, written, first: isFirst, complete: (bytes) => complete(chain, bytes) });
    });
  });
}
