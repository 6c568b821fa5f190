import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DescriptorChain } from '../../src/virtio/chain.js';
import { InOrderQueue } from '../../src/virtio/inOrder.js';
import { layouts, type Layout } from '../support/layouts.js';
import { TestMemory } from '../support/memory.js';

const size = 8;
const options = { indirect: false, eventIndex: false };

function newQueue({ Driver, Queue }: Layout) {
  const memory = new TestMemory();
  const driver = new Driver(memory, size, options);
  const again = (): InOrderQueue =>
    new InOrderQueue(new Queue({ index: 1, size, ...driver.addresses }, memory, options));
  /** Makes a buffer of that many elements available. */
  const add = (elements = 1): number | undefined =>
    driver.add(Array.from({ length: elements }, () => ({ address: 0x100, length: 1000, writable: true })));
  return { driver, queue: again(), again, add };
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), elements: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rewind' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('complete' as const), which: fc.nat(7), written: fc.nat(1000) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('collect' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('save' as const) }) },
);

describe.each(layouts)('a $name queue with VIRTIO_F_IN_ORDER', (layout) => {
  it('gives a buffer back once those before it are given back (2.7.9, 2.8.8)', () => {
    const { driver, queue, add } = newQueue(layout);
    const heads = [add(), add(), add()];
    const [first, second, third] = [queue.next()!, queue.next()!, queue.next()!];
    queue.complete(third, 3);
    queue.complete(second, 2);
    expect(queue.publish()).toBe(false);
    expect(driver.collect()).toEqual([]);
    queue.complete(first, 1);
    expect(queue.publish()).toBe(true);
    expect(driver.collect()).toEqual(heads.map((id, i) => ({ id, length: i + 1 })));
  });

  it('gives nothing back while it is paused', () => {
    const { driver, queue, add } = newQueue(layout);
    add();
    const chain = queue.next()!;
    queue.paused = true;
    queue.complete(chain, 1);
    queue.paused = false;
    queue.publish();
    expect(driver.collect()).toEqual([]);
  });

  it('knows after a restore what waits, and what is still at work', () => {
    const { driver, queue, again, add } = newQueue(layout);
    const heads = [add(), add(), add()];
    const chains = [queue.next()!, queue.next()!, queue.next()!];
    queue.complete(chains[1], 7);
    const restored = again();
    restored.restore(JSON.parse(JSON.stringify(queue.save())) as ReturnType<InOrderQueue['save']>);
    expect(() => restored.retake(heads[1]!)).toThrow(RangeError);
    restored.complete(restored.retake(heads[2]!), 8);
    restored.complete(restored.retake(heads[0]!), 6);
    restored.publish();
    expect(driver.collect()).toEqual(heads.map((id, i) => ({ id, length: 6 + i })));
  });

  it('gives back what it took, in that order, whatever the device does', { timeout: 30000 }, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
        const parts = newQueue(layout);
        const { driver, add } = parts;
        let { queue } = parts;
        const taken: { id: number; length: number; done: boolean }[] = [];
        let working: { chain: DescriptorChain; entry: (typeof taken)[number] }[] = [];
        let rewindable = 0;
        const collect = (): void => {
          queue.publish();
          const pending = taken.findIndex(({ done }) => !done);
          const expected = taken.splice(0, pending < 0 ? taken.length : pending);
          expect(driver.collect()).toEqual(expected.map(({ id, length }) => ({ id, length })));
        };
        for (const step of steps) {
          if (step.do === 'add') add(step.elements);
          else if (step.do === 'take') {
            const chain = queue.next();
            if (!chain) continue;
            const entry = { id: chain.head, length: 0, done: false };
            taken.push(entry);
            working.push({ chain, entry });
            rewindable++;
          } else if (step.do === 'rewind' && rewindable > 0) {
            rewindable--;
            taken.pop();
            queue.rewind(working.pop()!.chain);
          } else if (step.do === 'complete' && working.length > 0) {
            const [{ chain, entry }] = working.splice(step.which % working.length, 1);
            Object.assign(entry, { length: step.written, done: true });
            queue.complete(chain, step.written);
            rewindable = 0;
          } else if (step.do === 'collect') collect();
          else if (step.do === 'save') {
            const state = queue.save();
            queue = parts.again();
            queue.restore(state);
            working = working.map(({ entry }) => ({ chain: queue.retake(entry.id), entry }));
            rewindable = 0;
          }
        }
        for (const { chain, entry } of working) {
          Object.assign(entry, { length: 1, done: true });
          queue.complete(chain, 1);
        }
        collect();
        expect(taken).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });
});
