import { describe, expect, it } from 'vitest';
import { SplitQueue } from '../../src/virtio/split.js';
import { TestMemory } from '../support/memory.js';
import { NaiveDriver } from '../support/naiveDriver.js';

function newQueue(eventIndex: boolean, start = 0) {
  const memory = new TestMemory();
  const driver = new NaiveDriver(memory, 8, { eventIndex, start });
  const setup = { index: 0, size: 8, ...driver.addresses };
  const queue = new SplitQueue(setup, memory, { indirect: false, eventIndex });
  queue.restore({ nextAvailable: start, nextUsed: start, publishedUsed: start, decidedUsed: start });
  const offer = (count: number): void => {
    for (let i = 0; i < count; i++) driver.add([{ address: 0x100, length: 1, writable: true }]);
  };
  /** Uses and shows that many buffers; whether the driver wants an interrupt. */
  const use = (count: number): boolean => {
    for (let i = 0; i < count; i++) queue.complete(queue.next()!, 0);
    const wanted = queue.publish();
    driver.collect();
    return wanted;
  };
  return { driver, queue, offer, use };
}

describe('a driver is interrupted, without event indices (2.7.7.2)', () => {
  it('when the flags are 0, and not when they are 1', () => {
    const { driver, offer, use } = newQueue(false);
    offer(4);
    expect(use(1)).toBe(true);
    driver.setFlags(1);
    expect(use(1)).toBe(false);
    driver.setFlags(0);
    expect(use(2)).toBe(true);
  });

  it('whatever stands in used_event', () => {
    const { driver, offer, use } = newQueue(false);
    driver.setUsedEvent(1000);
    offer(1);
    expect(use(1)).toBe(true);
  });

  it('but not when nothing was used', () => {
    const { offer, use } = newQueue(false);
    offer(1);
    expect(use(0)).toBe(false);
  });
});

describe('a driver is interrupted, with event indices (2.7.7.2)', () => {
  it('when the entry that it named is used, and not before or after', () => {
    const { driver, offer, use } = newQueue(true);
    offer(8);
    driver.setUsedEvent(2);
    expect([use(1), use(1), use(1), use(1)]).toEqual([false, false, true, false]);
    driver.setUsedEvent(6);
    expect(use(4)).toBe(true);
  });

  it('at the first buffer when used_event was never set, for it is 0 then', () => {
    const { offer, use } = newQueue(true);
    offer(2);
    expect([use(1), use(1)]).toEqual([true, false]);
  });

  it('not for an entry that it named when it was used already', () => {
    const { driver, offer, use } = newQueue(true);
    offer(8);
    driver.setUsedEvent(100);
    use(4);
    driver.setUsedEvent(2);
    expect(use(1)).toBe(false);
  });

  it('whatever the flags say', () => {
    const { driver, offer, use } = newQueue(true);
    driver.setFlags(1);
    offer(1);
    expect(use(1)).toBe(true);
  });

  it('over the end of the 16-bit index', () => {
    const { driver, offer, use } = newQueue(true, 65533);
    offer(8);
    driver.setUsedEvent(65535);
    expect([use(2), use(1)]).toEqual([false, true]);
    driver.setUsedEvent(1);
    expect([use(1), use(2)]).toEqual([false, true]);
  });
});

describe('a device that waits before it interrupts', () => {
  /** Uses and shows that many buffers, without asking yet. */
  const show = ({ queue, driver }: ReturnType<typeof newQueue>, count: number): void => {
    for (let i = 0; i < count; i++) queue.complete(queue.next()!, 0);
    queue.show();
    driver.collect();
  };

  it('goes by what the driver wishes when it asks, without event indices', () => {
    const parts = newQueue(false);
    parts.offer(4);
    show(parts, 1);
    parts.driver.setFlags(1);
    expect(parts.queue.wantsInterrupt()).toBe(false);
    show(parts, 1);
    parts.driver.setFlags(0);
    expect([parts.queue.wantsInterrupt(), parts.queue.wantsInterrupt()]).toEqual([true, false]);
  });

  it('counts all that became visible since it asked last, with event indices', () => {
    const parts = newQueue(true, 65533);
    parts.offer(8);
    parts.driver.setUsedEvent(65534);
    for (let i = 0; i < 3; i++) show(parts, 1);
    expect([parts.queue.wantsInterrupt(), parts.queue.wantsInterrupt()]).toEqual([true, false]);
    show(parts, 2);
    expect(parts.queue.wantsInterrupt()).toBe(false);
  });

  it('goes by what the driver wishes when it asks, with event indices', () => {
    const parts = newQueue(true);
    parts.offer(4);
    parts.driver.setUsedEvent(1);
    show(parts, 2);
    parts.driver.setUsedEvent(2);
    expect(parts.queue.wantsInterrupt()).toBe(false);
  });

  it('asks the same after it was saved and restored', () => {
    const parts = newQueue(true);
    parts.offer(4);
    parts.driver.setUsedEvent(1);
    show(parts, 2);
    parts.queue.restore(parts.queue.save());
    expect([parts.queue.wantsInterrupt(), parts.queue.wantsInterrupt()]).toEqual([true, false]);
  });
});

describe('a device is notified', () => {
  for (const eventIndex of [false, true]) {
    const name = eventIndex ? 'with event indices' : 'without event indices';

    it(`of the next buffer when it asked for that, ${name} (2.7.10)`, () => {
      const { driver, queue, offer, use } = newQueue(eventIndex, 65534);
      offer(1);
      driver.kick();
      use(1);
      expect(queue.wantNotifications(true)).toBe(false);
      offer(3);
      expect(driver.kick()).toBe(true);
    });

    it(`of nothing that it sees itself: asking answers that there is something, ${name}`, () => {
      const { queue, offer } = newQueue(eventIndex);
      offer(1);
      expect(queue.wantNotifications(true)).toBe(true);
      queue.next();
      expect(queue.wantNotifications(true)).toBe(false);
    });
  }

  it('of nothing, without event indices, when it asked for that', () => {
    const { driver, queue, offer } = newQueue(false);
    queue.wantNotifications(false);
    offer(1);
    expect(driver.usedFlags).toBe(1);
    expect(driver.kick()).toBe(false);
  });

  it('by the event index alone where that was negotiated: the flags stay 0 (2.7.10.1)', () => {
    const { driver, queue, offer } = newQueue(true);
    queue.wantNotifications(false);
    queue.wantNotifications(true);
    offer(1);
    driver.kick();
    queue.next();
    queue.wantNotifications(true);
    expect(driver.usedFlags).toBe(0);
    expect(driver.availableEvent).toBe(1);
  });

  it('once for buffers made available together, and not again before it asks', () => {
    const { driver, queue, offer } = newQueue(true);
    queue.wantNotifications(true);
    offer(3);
    expect(driver.kick()).toBe(true);
    offer(3);
    expect(driver.kick()).toBe(false);
  });
});
