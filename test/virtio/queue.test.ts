import { describe, expect, it } from 'vitest';
import type { ActiveQueue } from '../../src/virtio/device.js';
import { layouts, type Layout } from '../support/layouts.js';
import { TestMemory } from '../support/memory.js';
import type { Element } from '../support/naiveDriver.js';

const readable = (address: number, length: number): Element => ({ address, length, writable: false });
const writable = (address: number, length: number): Element => ({ address, length, writable: true });

function newQueue({ Driver, Queue }: Layout, size = 8, options: { indirect?: boolean; eventIndex?: boolean } = {}) {
  const { indirect = true, eventIndex = false } = options;
  const memory = new TestMemory(0x100000);
  const driver = new Driver(memory, size, { eventIndex });
  const queue = new Queue({ index: 3, size, ...driver.addresses }, memory, { indirect, eventIndex });
  return { memory, driver, queue };
}

/** The ranges of the next buffer: those to read and those to write, as [address, length]. */
function take(queue: ActiveQueue) {
  const chain = queue.next();
  if (!chain) return undefined;
  const ranges = Array.from({ length: chain.count }, (_, i) => [chain.addresses[i], chain.lengths[i]]);
  return { read: ranges.slice(0, chain.readableCount), write: ranges.slice(chain.readableCount) };
}

describe.each(layouts)('a $name queue gives', (layout) => {
  it('nothing until the driver offers something', () => {
    const { driver, queue } = newQueue(layout);
    expect(queue.next()).toBeUndefined();
    const head = driver.place([readable(0x100, 1)])!;
    expect(queue.next()).toBeUndefined();
    driver.offer(head);
    expect(queue.next()?.head).toBe(head);
    expect(queue.next()).toBeUndefined();
  });

  it('the elements of a buffer, with the lengths of both kinds', () => {
    const { driver, queue } = newQueue(layout);
    driver.add([readable(0x100, 12), readable(0x200, 60), writable(0x300, 1), writable(0x400, 5)]);
    const chain = queue.next()!;
    expect(chain).toMatchObject({ count: 4, readableCount: 2, readableLength: 72, writableLength: 6 });
  });

  it('elements of length zero', () => {
    const { driver, queue } = newQueue(layout);
    driver.add([readable(0, 0), readable(0x100, 4), writable(0, 0)]);
    expect(take(queue)).toEqual({
      read: [
        [0, 0],
        [0x100, 4],
      ],
      write: [[0, 0]],
    });
  });

  it('buffers up to the last byte of memory', () => {
    const { memory, driver, queue } = newQueue(layout);
    driver.add([readable(memory.size - 4, 4), readable(memory.size, 0)]);
    expect(take(queue)!.read).toEqual([
      [memory.size - 4, 4],
      [memory.size, 0],
    ]);
  });

  it('chains of as many descriptors as the queue has', () => {
    const { driver, queue } = newQueue(layout, 256);
    driver.add(Array.from({ length: 256 }, (_, i) => (i < 100 ? readable(i, 1) : writable(i, 1))));
    expect(queue.next()).toMatchObject({ count: 256, readableCount: 100 });
  });

  it('what stands in an indirect table, at any address', () => {
    const { memory, driver, queue } = newQueue(layout, 4);
    for (const misalignment of [0, 1, 2, 3]) {
      const table = memory.allocate(64) + misalignment;
      driver.add([readable(0x100, 12), readable(0x12345, 60), writable(0x300, 1)], { table });
      expect(take(queue)).toEqual({
        read: [
          [0x100, 12],
          [0x12345, 60],
        ],
        write: [[0x300, 1]],
      });
    }
  });

  it('nothing while it is paused', () => {
    const { driver, queue } = newQueue(layout);
    driver.add([readable(0x100, 1)]);
    queue.paused = true;
    expect(queue.next()).toBeUndefined();
    expect(queue.wantNotifications(true)).toBe(false);
    queue.paused = false;
    expect(queue.wantNotifications(true)).toBe(true);
    expect(queue.next()).toBeDefined();
  });

  it('a buffer again that was put back, and those behind it after it', () => {
    const { driver, queue } = newQueue(layout);
    const heads = [1, 2, 3].map((n) => driver.add([writable(0x100 * n, n)]));
    const [first, second] = [queue.next()!, queue.next()!];
    queue.rewind(second);
    queue.rewind(first);
    expect([queue.next()?.head, queue.next()?.head, queue.next()?.head]).toEqual(heads);
  });
});

describe.each(layouts)('a $name queue gives back', (layout) => {
  it('buffers in any order, visible from `publish` on', () => {
    const { driver, queue } = newQueue(layout);
    const heads = [1, 2, 3].map((n) => driver.add([writable(0x100 * n, 100)])!);
    const chains = heads.map(() => queue.next()!);
    queue.complete(chains[2], 30);
    queue.complete(chains[0], 0);
    expect(driver.collect()).toEqual([]);
    queue.publish();
    expect(driver.collect()).toEqual([
      { id: heads[2], length: 30 },
      { id: heads[0], length: 0 },
    ]);
  });

  it('what it took before it was saved', () => {
    const { memory, driver, queue } = newQueue(layout);
    const [held, waiting] = [driver.add([writable(0x100, 100)])!, driver.add([writable(0x200, 100)])!];
    queue.next();
    const restored = new layout.Queue({ index: 3, size: 8, ...driver.addresses }, memory, {
      indirect: true,
      eventIndex: false,
    });
    restored.restore(queue.save());
    expect(restored.next()?.head).toBe(waiting);
    restored.complete(restored.retake(held), 7);
    restored.publish();
    expect(driver.collect()).toEqual([{ id: held, length: 7 }]);
  });

  it('70000 buffers, over the end of the 16-bit indices', { timeout: 30000 }, () => {
    const { driver, queue } = newQueue(layout, 64, { eventIndex: true });
    let done = 0;
    for (let burst = 1; done < 70000; burst = (burst * 7 + 3) % 64 || 64) {
      const heads = Array.from({ length: burst }, () => driver.place([writable(0x100, 1)])!);
      driver.offer(...heads);
      for (let chain = queue.next(); chain; chain = queue.next()) queue.complete(chain, done++ % 1000);
      queue.publish();
      expect(driver.collect().map(({ id }) => id)).toEqual(heads);
    }
  });

  it('all 32768 buffers of the largest queue at once', { timeout: 30000 }, () => {
    const { driver, queue } = newQueue(layout, 32768);
    for (let round = 0; round < 2; round++) {
      const heads = Array.from({ length: 32768 }, () => driver.place([writable(0x100, 1)])!);
      driver.offer(...heads);
      for (let chain = queue.next(); chain; chain = queue.next()) queue.complete(chain, 1);
      queue.publish();
      expect(driver.collect().map(({ id }) => id)).toEqual(heads);
    }
  });
});
