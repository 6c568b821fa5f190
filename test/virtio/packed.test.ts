import { describe, expect, it } from 'vitest';
import { PackedQueue } from '../../src/virtio/packed.js';
import { TestMemory } from '../support/memory.js';
import type { Element } from '../support/naiveDriver.js';
import { PackedDriver, packedFlag, writePackedDescriptor } from '../support/packedDriver.js';

const { available, used, write, indirect } = packedFlag;
const writable = (address: number, length = 1): Element => ({ address, length, writable: true });

function newQueue(size = 4) {
  const memory = new TestMemory();
  const driver = new PackedDriver(memory, size);
  const setup = { index: 3, size, ...driver.addresses };
  const options = { indirect: true, eventIndex: false };
  const queue = new PackedQueue(setup, memory, options);
  const at = (index: number): number => driver.addresses.descriptorArea + 16 * index;
  return {
    memory,
    driver,
    queue,
    again: () => new PackedQueue(setup, memory, options),
    flags: (index: number) => memory.view.getUint16(at(index) + 14, true),
    id: (index: number) => memory.view.getUint16(at(index) + 12, true),
  };
}

describe('a packed queue', () => {
  it('takes no descriptor for available that is not of this round (2.8.1)', () => {
    const { memory, driver, queue } = newQueue();
    const { descriptorArea } = driver.addresses;
    for (const flags of [0, used, available | used]) {
      writePackedDescriptor(memory, descriptorArea, 0, { address: 0x100, length: 1, flags });
      expect(queue.next()).toBeUndefined();
    }
    writePackedDescriptor(memory, descriptorArea, 0, { address: 0x100, length: 1, flags: available });
    expect(queue.next()).toBeDefined();
  });

  it('marks descriptors used with its own wrap counter, which turns at the end of the ring (2.8.1)', () => {
    const { driver, queue, flags } = newQueue(3);
    for (let place = 0; place < 9; place++) {
      driver.add([writable(0x100)]);
      queue.complete(queue.next()!, 1);
      queue.publish();
      expect(flags(place % 3)).toBe(write | (Math.floor(place / 3) % 2 === 0 ? available | used : 0));
      driver.collect();
    }
  });

  it('sets the write flag of a used descriptor only where something was written (2.8.3)', () => {
    const { driver, queue, flags } = newQueue();
    for (let i = 0; i < 3; i++) driver.add([writable(0x100)]);
    for (const written of [0, 1, 0]) queue.complete(queue.next()!, written);
    queue.publish();
    expect([flags(0), flags(1), flags(2)].map((value) => (value & write) !== 0)).toEqual([false, true, false]);
  });

  it('tells of a list by one descriptor, with the id of its last, and goes on behind the list (2.8.6)', () => {
    const { driver, queue, id, flags } = newQueue(8);
    const heads = [driver.add([writable(0x100), writable(0x200), writable(0x300)])!, driver.add([writable(0x400)])!];
    const [list, single] = [queue.next()!, queue.next()!];
    expect([list.head, single.head]).toEqual(heads);
    queue.complete(list, 5);
    queue.complete(single, 6);
    const untouched = [flags(1), flags(2)];
    queue.publish();
    expect([id(0), id(3)]).toEqual(heads);
    expect([flags(1), flags(2)]).toEqual(untouched);
    expect(driver.collect()).toEqual([
      { id: heads[0], length: 5 },
      { id: heads[1], length: 6 },
    ]);
  });

  it('tells of buffers in the order in which they come back, over the descriptors of those it has (2.8)', () => {
    const { driver, queue, id } = newQueue(8);
    const heads = [driver.add([writable(0x100), writable(0x200)])!, driver.add([writable(0x300)])!];
    const [list, single] = [queue.next()!, queue.next()!];
    queue.complete(single, 1);
    queue.publish();
    expect(id(0)).toBe(heads[1]);
    expect(driver.collect()).toEqual([{ id: heads[1], length: 1 }]);
    queue.complete(list, 2);
    queue.publish();
    expect(id(1)).toBe(heads[0]);
    expect(driver.collect()).toEqual([{ id: heads[0], length: 2 }]);
  });

  it('shows the first of several used descriptors last (2.8.9)', () => {
    const { driver, queue, flags } = newQueue();
    for (let i = 0; i < 3; i++) driver.add([writable(0x100)]);
    const before = flags(0);
    for (let i = 0; i < 3; i++) queue.complete(queue.next()!, 1);
    expect(flags(0)).toBe(before);
    expect(driver.collect()).toEqual([]);
    queue.publish();
    expect(driver.collect().length).toBe(3);
  });

  it('minds no flag in an indirect table but that for writing, and no id there (2.8.7)', () => {
    const { memory, driver, queue } = newQueue();
    const table = memory.allocate(48);
    const rows = [
      { address: 0x100, flags: 0xffff & ~write },
      { address: 0x200, flags: 0xffff },
      { address: 0x300, flags: write },
    ];
    rows.forEach((row, i) => writePackedDescriptor(memory, table, i, { length: 10 + i, id: 77, ...row }));
    const descriptor = { address: table, length: 48, id: 2, flags: indirect | write | available };
    writePackedDescriptor(memory, driver.addresses.descriptorArea, 0, descriptor);
    const chain = queue.next()!;
    expect(chain).toMatchObject({ head: 2, count: 3, readableCount: 1, readableLength: 10, writableLength: 23 });
  });

  it('takes any id, and two buffers of the same one', () => {
    const { memory, driver, queue } = newQueue();
    for (const index of [0, 1]) {
      const descriptor = { address: 0x100 + index, length: 1, id: 0xffff, flags: available };
      writePackedDescriptor(memory, driver.addresses.descriptorArea, index, descriptor);
    }
    const [first, second] = [queue.next()!, queue.next()!];
    expect([first.addresses[0], second.addresses[0]]).toEqual([0x100, 0x101]);
    expect([first.head, second.head]).toEqual([0xffff, 0xffff]);
  });

  it('knows after a restore what it held, though used descriptors stand in its place', () => {
    const { driver, queue, again } = newQueue(2);
    const [held, other] = [driver.add([writable(0x100, 10)])!, driver.add([writable(0x200, 20)])!];
    queue.next();
    queue.complete(queue.next()!, 1);
    queue.publish();
    driver.collect();
    // The driver uses the descriptor again that once described the buffer which is held.
    driver.add([writable(0x300, 30)]);
    const restored = again();
    restored.restore(queue.save());
    const chain = restored.retake(held);
    expect([chain.addresses[0], chain.lengths[0], chain.readableCount]).toEqual([0x100, 10, 0]);
    expect(restored.next()?.addresses[0]).toBe(0x300);
    restored.complete(chain, 9);
    restored.publish();
    expect(driver.collect()).toEqual([{ id: held, length: 9 }]);
    expect(held).not.toBe(other);
  });

  it('saves what nobody has retaken yet once more', () => {
    const { driver, queue, again } = newQueue();
    const head = driver.add([writable(0x100, 10)])!;
    queue.next();
    const restored = again();
    restored.restore(queue.save());
    expect(restored.save()).toEqual(queue.save());
    const third = again();
    third.restore(restored.save());
    expect(third.retake(head).addresses[0]).toBe(0x100);
    expect(() => third.retake(head)).toThrow(RangeError);
  });
});
