import { describe, expect, it } from 'vitest';
import { SplitQueue } from '../../src/virtio/split.js';
import { TestMemory } from '../support/memory.js';
import { NaiveDriver, writeDescriptor, type Element } from '../support/naiveDriver.js';

const readable = (address: number, length: number): Element => ({ address, length, writable: false });
const writable = (address: number, length: number): Element => ({ address, length, writable: true });

function newQueue(size: number) {
  const memory = new TestMemory();
  const driver = new NaiveDriver(memory, size);
  const setup = { index: 3, size, ...driver.addresses };
  return { memory, driver, queue: new SplitQueue(setup, memory, { indirect: true, eventIndex: false }) };
}

/** The ranges of the next buffer: those to read and those to write, as [address, length]. */
function take(queue: SplitQueue) {
  const chain = queue.next()!;
  const ranges = Array.from({ length: chain.count }, (_, i) => [chain.addresses[i], chain.lengths[i]]);
  return { read: ranges.slice(0, chain.readableCount), write: ranges.slice(chain.readableCount) };
}

describe('a split queue gives', () => {
  it('buffers in the order of the available ring, whatever their descriptors', () => {
    const { driver, queue } = newQueue(8);
    const heads = [1, 2, 3].map((n) => driver.place([readable(0x100 * n, n)])!);
    driver.offer(...heads.reverse());
    expect([take(queue), take(queue), take(queue)].map((buffer) => buffer.read[0])).toEqual([
      [0x300, 3],
      [0x200, 2],
      [0x100, 1],
    ]);
  });

  it('an indirect table behind other descriptors (2.7.5.3.2)', () => {
    const { memory, driver, queue } = newQueue(4);
    driver.add([readable(0x100, 1), readable(0x200, 2), writable(0x300, 3)], { table: memory.allocate(64), direct: 2 });
    expect(take(queue)).toEqual({
      read: [
        [0x100, 1],
        [0x200, 2],
      ],
      write: [[0x300, 3]],
    });
  });

  it('an indirect table whatever the write flag of its own descriptor (2.7.5.3.2)', () => {
    const { memory, driver, queue } = newQueue(4);
    const table = memory.allocate(64);
    const head = driver.add([readable(0x100, 1), writable(0x300, 3)], { table })!;
    writeDescriptor(memory, driver.addresses.descriptorArea, head, { address: table, length: 32, flags: 4 | 2 });
    expect(take(queue)).toEqual({ read: [[0x100, 1]], write: [[0x300, 3]] });
  });
});
