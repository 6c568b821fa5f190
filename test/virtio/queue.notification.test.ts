import { describe, expect, it } from 'vitest';
import { layouts, packed, split, type Layout } from '../support/layouts.js';
import { TestMemory } from '../support/memory.js';
import { suppression } from '../support/packedDriver.js';

function newQueue({ Driver, Queue }: Layout, eventIndex: boolean, start = 0) {
  const memory = new TestMemory();
  const driver = new Driver(memory, 8, { eventIndex, start });
  const setup = { index: 0, size: 8, ...driver.addresses };
  const queue = new Queue(setup, memory, { indirect: false, eventIndex });
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
  return { memory, driver, queue, offer, use };
}

describe.each(layouts)(
  'a driver of a $name queue is interrupted, without event indices (2.7.7.2, 2.8.10)',
  (layout) => {
    it('when the flags are 0, and not when they are 1', () => {
      const { driver, offer, use } = newQueue(layout, false);
      offer(4);
      expect(use(1)).toBe(true);
      driver.setFlags(1);
      expect(use(1)).toBe(false);
      driver.setFlags(0);
      expect(use(2)).toBe(true);
    });

    it('whatever stands in used_event', () => {
      const { driver, offer, use } = newQueue(layout, false);
      driver.setUsedEvent(1000);
      offer(1);
      expect(use(1)).toBe(true);
    });

    it('but not when nothing was used', () => {
      const { offer, use } = newQueue(layout, false);
      offer(1);
      expect(use(0)).toBe(false);
    });
  },
);

describe.each(layouts)('a driver of a $name queue is interrupted, with event indices (2.7.7.2, 2.8.10)', (layout) => {
  it('when the entry that it named is used, and not before or after', () => {
    const { driver, offer, use } = newQueue(layout, true);
    offer(8);
    driver.setUsedEvent(2);
    expect([use(1), use(1), use(1), use(1)]).toEqual([false, false, true, false]);
    driver.setUsedEvent(6);
    expect(use(4)).toBe(true);
  });

  it('at the first buffer when used_event was never set, for it is 0 then', () => {
    const { offer, use } = newQueue(layout, true);
    offer(2);
    expect([use(1), use(1)]).toEqual([true, false]);
  });

  it('not for an entry that it named when it was used already', () => {
    const { driver, offer, use } = newQueue(layout, true);
    offer(8);
    driver.setUsedEvent(100);
    use(4);
    driver.setUsedEvent(2);
    expect(use(1)).toBe(false);
  });

  it('over the end of the count', () => {
    const end = layout.period(8);
    const { driver, offer, use } = newQueue(layout, true, end - 3);
    offer(8);
    driver.setUsedEvent(end - 1);
    expect([use(2), use(1)]).toEqual([false, true]);
    driver.setUsedEvent(1);
    expect([use(1), use(2)]).toEqual([false, true]);
  });
});

describe.each(layouts)('the device of a $name queue that waits before it interrupts', (layout) => {
  /** Uses and shows that many buffers, without asking yet. */
  const show = ({ queue, driver }: ReturnType<typeof newQueue>, count: number): void => {
    for (let i = 0; i < count; i++) queue.complete(queue.next()!, 0);
    queue.show();
    driver.collect();
  };

  it('goes by what the driver wishes when it asks, without event indices', () => {
    const parts = newQueue(layout, false);
    parts.offer(4);
    show(parts, 1);
    parts.driver.setFlags(1);
    expect(parts.queue.wantsInterrupt()).toBe(false);
    show(parts, 1);
    parts.driver.setFlags(0);
    expect([parts.queue.wantsInterrupt(), parts.queue.wantsInterrupt()]).toEqual([true, false]);
  });

  it('counts all that became visible since it asked last, with event indices', () => {
    const end = layout.period(8);
    const parts = newQueue(layout, true, end - 3);
    parts.offer(8);
    parts.driver.setUsedEvent(end - 2);
    for (let i = 0; i < 3; i++) show(parts, 1);
    expect([parts.queue.wantsInterrupt(), parts.queue.wantsInterrupt()]).toEqual([true, false]);
    show(parts, 2);
    expect(parts.queue.wantsInterrupt()).toBe(false);
  });

  it('goes by what the driver wishes when it asks, with event indices', () => {
    const parts = newQueue(layout, true);
    parts.offer(4);
    parts.driver.setUsedEvent(1);
    show(parts, 2);
    parts.driver.setUsedEvent(2);
    expect(parts.queue.wantsInterrupt()).toBe(false);
  });

  it('asks the same after it was saved and restored', () => {
    const parts = newQueue(layout, true);
    parts.offer(4);
    parts.driver.setUsedEvent(1);
    show(parts, 2);
    parts.queue.restore(parts.queue.save());
    expect([parts.queue.wantsInterrupt(), parts.queue.wantsInterrupt()]).toEqual([true, false]);
  });
});

describe.each(layouts)('the device of a $name queue is notified', (layout) => {
  for (const eventIndex of [false, true]) {
    const name = eventIndex ? 'with event indices' : 'without event indices';

    it(`of the next buffer when it asked for that, ${name} (2.7.10)`, () => {
      const { driver, queue, offer, use } = newQueue(layout, eventIndex, layout.period(8) - 2);
      offer(1);
      driver.kick();
      use(1);
      expect(queue.wantNotifications(true)).toBe(false);
      offer(3);
      expect(driver.kick()).toBe(true);
    });

    it(`of nothing that it sees itself: asking answers that there is something, ${name}`, () => {
      const { queue, offer } = newQueue(layout, eventIndex);
      offer(1);
      expect(queue.wantNotifications(true)).toBe(true);
      queue.next();
      expect(queue.wantNotifications(true)).toBe(false);
    });
  }

  it('of nothing, without event indices, when it asked for that', () => {
    const { driver, queue, offer } = newQueue(layout, false);
    queue.wantNotifications(false);
    offer(1);
    expect(driver.kick()).toBe(false);
  });

  it('once for buffers made available together, and not again before it asks', () => {
    const { driver, queue, offer } = newQueue(layout, true);
    queue.wantNotifications(true);
    offer(3);
    expect(driver.kick()).toBe(true);
    offer(3);
    expect(driver.kick()).toBe(false);
  });
});

describe('the flags of a split queue', () => {
  it('do not count for interrupts with event indices (2.7.7.2)', () => {
    const { driver, offer, use } = newQueue(split, true);
    driver.setFlags(1);
    offer(1);
    expect(use(1)).toBe(true);
  });

  it('stay 0 with event indices, for those alone ask for notifications (2.7.10.1)', () => {
    const { driver, queue, offer } = newQueue(split, true);
    queue.wantNotifications(false);
    queue.wantNotifications(true);
    offer(1);
    driver.kick();
    queue.next();
    queue.wantNotifications(true);
    expect(driver).toMatchObject({ usedFlags: 0, availableEvent: 1 });
  });
});

describe('the event suppression structures of a packed queue (2.8.10, 2.8.14)', () => {
  it.each([false, true])('let the driver have all interrupts or none, with event indices: %s', (eventIndex) => {
    const { driver, offer, use } = newQueue(packed, eventIndex);
    offer(4);
    driver.setFlags(suppression.disable);
    expect(use(1)).toBe(false);
    driver.setFlags(suppression.enable);
    expect([use(1), use(2)]).toEqual([true, true]);
  });

  it('ask for one descriptor only where event indices were negotiated', () => {
    const { driver, offer, use } = newQueue(packed, false);
    driver.setFlags(suppression.descriptor);
    offer(2);
    expect([use(1), use(1)]).toEqual([true, true]);
  });

  it('may be looked at when more buffers were used than two rounds have places', () => {
    const { driver, queue, offer } = newQueue(packed, true);
    const show = (): void => {
      offer(1);
      queue.complete(queue.next()!, 0);
      queue.show();
      driver.collect();
    };
    driver.setUsedEvent(5);
    for (let i = 0; i < 20; i++) show();
    expect([queue.wantsInterrupt(), queue.wantsInterrupt()]).toEqual([true, false]);
    show();
    expect(queue.wantsInterrupt()).toBe(false);
    show();
    expect(queue.wantsInterrupt()).toBe(true);
  });

  it('tell the driver where the device stands, with the wrap counter of that round', () => {
    const { memory, driver, queue, offer, use } = newQueue(packed, true);
    const look = () => {
      const { deviceArea } = driver.addresses;
      return [memory.view.getUint16(deviceArea, true), memory.view.getUint16(deviceArea + 2, true)];
    };
    const seen: number[][] = [];
    for (const count of [3, 5, 4]) {
      offer(count);
      use(count);
      memory.watch(() => queue.wantNotifications(true));
      seen.push(look());
    }
    expect(seen).toEqual([
      [0x8003, suppression.descriptor],
      [0x0000, suppression.descriptor],
      [0x0004, suppression.descriptor],
    ]);
    memory.watch(() => queue.wantNotifications(false));
    expect(look()[1]).toBe(suppression.disable);
  });
});
