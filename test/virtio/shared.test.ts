import { afterEach, describe, expect, it, vi } from 'vitest';

import { LocalMemory } from '../../src/driver/local/memory.js';
import { localRing } from '../../src/driver/local/newRing.js';
import type { LocalRing } from '../../src/driver/local/ring.js';
import type { ActiveQueue } from '../../src/virtio/device.js';
import { VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED, VIRTIO_F_VERSION_1 } from '../../src/virtio/features.js';
import { BufferMemory } from '../../src/virtio/memory.js';
import { newQueue } from '../../src/virtio/newQueue.js';

const size = 4;
const place = { size, descriptorArea: 0x1000, driverArea: 0x2000, deviceArea: 0x3000 };

interface Kind {
  readonly layout: 'split' | 'packed';
  readonly eventIndex: boolean;
}

const kinds: readonly Kind[] = [
  { layout: 'split', eventIndex: false },
  { layout: 'split', eventIndex: true },
  { layout: 'packed', eventIndex: false },
  { layout: 'packed', eventIndex: true },
];

/** Both sides of a queue in shared memory, with so many buffers having gone through it. */
function bothSides({ layout, eventIndex }: Kind, rounds = 0): { driver: LocalRing; device: ActiveQueue } {
  const buffer = new SharedArrayBuffer(0x8000);
  const features =
    VIRTIO_F_VERSION_1 | (layout === 'packed' ? VIRTIO_F_RING_PACKED : 0n) | (eventIndex ? VIRTIO_F_EVENT_IDX : 0n);
  const device = newQueue({ index: 0, ...place }, new BufferMemory(buffer), features);
  const driver = localRing(new LocalMemory(new Uint8Array(buffer)), { layout, ...place }, { eventIndex });
  for (let i = 0; i < rounds; i++) {
    offer(driver);
    device.complete(device.next()!, 0);
    device.publish();
    driver.take();
  }
  return { driver, device };
}

const parts = Uint32Array.of(0x4000, 64);

/** The driver makes a buffer available; answers whether it has to notify. */
function offer(driver: LocalRing): boolean {
  driver.add(parts, 1, false);
  return driver.publish();
}

/** The device takes what there is until it sees nothing more, as lanes do; answers how many buffers that were. */
function takeAll(device: ActiveQueue): number {
  for (let count = 0; ;) {
    if (device.next()) count++;
    else if (!device.wantNotifications(true)) return count;
  }
}

/** What Atomics were asked to do, in order. */
type Access = `${'load' | 'store'} ${string}`;

const atomics = { load: Atomics.load, store: Atomics.store };

/** Calls `at` before each access by Atomics that `work` makes; the calls' own accesses do not count. */
function between<T>(work: () => T, at: (access: Access) => void): T {
  let inside = false;
  const notice = (kind: 'load' | 'store', array: Uint16Array | Uint32Array, index: number): void => {
    if (inside) return;
    inside = true;
    at(`${kind} ${nameOf(array.BYTES_PER_ELEMENT * index)}`);
    inside = false;
  };
  vi.spyOn(Atomics, 'load').mockImplementation(((array: Uint32Array, index: number) => {
    notice('load', array, index);
    return atomics.load(array, index);
  }) as typeof Atomics.load);
  vi.spyOn(Atomics, 'store').mockImplementation(((array: Uint32Array, index: number, value: number) => {
    notice('store', array, index);
    return atomics.store(array, index, value);
  }) as typeof Atomics.store);
  try {
    return work();
  } finally {
    vi.restoreAllMocks();
  }
}

/** The names of the specification, where they are of these words in the split layout; else the area. */
function nameOf(address: number): string {
  const names: Readonly<Record<number, string>> = {
    [place.driverArea]: 'avail.flags',
    [place.driverArea + 2]: 'avail.idx',
    [place.driverArea + 4 + 2 * size]: 'used_event',
    [place.deviceArea]: 'used.flags',
    [place.deviceArea + 2]: 'used.idx',
    [place.deviceArea + 4 + 8 * size]: 'avail_event',
  };
  return names[address] ?? (address < place.driverArea ? 'descriptor' : 'elsewhere');
}

function accesses(work: () => unknown): Access[] {
  const all: Access[] = [];
  between(work, (access) => all.push(access));
  return all;
}

/** Plays `first` as often as it has accesses, each time with `second` in between at another of them, and after it. */
function everySchedule(
  kind: Kind,
  rounds: number,
  play: (sides: ReturnType<typeof bothSides>, at: number) => boolean,
): void {
  for (let at = 0; ; at++) {
    const more = play(bothSides(kind, rounds), at);
    if (!more) {
      // It had accesses to play at.
      expect(at).toBeGreaterThan(0);
      return;
    }
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a device in shared memory', () => {
  const ordered = { layout: 'split', eventIndex: true } as const;

  it('reads the available index before the entries, and last of all after it asked to be notified (2.7.13.1)', () => {
    const { driver, device } = bothSides(ordered);
    offer(driver);
    expect(accesses(() => device.next())).toEqual(['load avail.idx']);
    expect(accesses(() => device.wantNotifications(true))).toEqual(['store avail_event', 'load avail.idx']);
  });

  it('writes the used index after the entries, and then looks whether the driver wants to know (2.7.14)', () => {
    const { driver, device } = bothSides(ordered);
    offer(driver);
    device.complete(device.next()!, 0);
    expect(accesses(() => device.publish())).toEqual(['store used.idx', 'load used_event']);
  });

  it('does the same without event indices', () => {
    const { driver, device } = bothSides({ layout: 'split', eventIndex: false });
    offer(driver);
    device.complete(device.next()!, 0);
    expect(accesses(() => device.publish())).toEqual(['store used.idx', 'load avail.flags']);
    expect(accesses(() => device.wantNotifications(true))).toEqual(['store used.flags', 'load avail.idx']);
  });

  it('shows a packed descriptor as used, and then looks whether the driver wants to know (2.8.21)', () => {
    const { driver, device } = bothSides({ layout: 'packed', eventIndex: true });
    offer(driver);
    expect(accesses(() => device.next())).toContain('load descriptor');
    expect(accesses(() => device.wantNotifications(true))).toEqual(['store used.flags', 'load descriptor']);
    driver.take();
  });

  it('needs no Atomics in memory that nobody shares', () => {
    const device = newQueue({ index: 0, ...place }, new BufferMemory(0x8000), VIRTIO_F_VERSION_1);
    expect(accesses(() => [device.next(), device.wantNotifications(true), device.publish()])).toEqual([]);
  });

  for (const kind of kinds) {
    const name = `${kind.layout}, ${kind.eventIndex ? 'event index' : 'flags'}`;
    for (const rounds of [0, 3, 5]) {
      it(`misses no buffer, wherever the driver comes in between: ${name}, after ${rounds}`, () => {
        everySchedule(kind, rounds, ({ driver, device }, at) => {
          device.wantNotifications(false);
          let notified: boolean | undefined;
          let count = 0;
          const taken = between(
            () => takeAll(device),
            () => {
              if (count++ === at) notified = offer(driver);
            },
          );
          if (notified === undefined) return false;
          expect(notified || taken === 1).toBe(true);
          return true;
        });
      });

      it(`misses no interrupt, wherever the driver comes in between: ${name}, after ${rounds}`, () => {
        everySchedule(kind, rounds, ({ driver, device }, at) => {
          driver.wantInterrupts('never');
          offer(driver);
          device.complete(device.next()!, 0);
          let seen: boolean | undefined;
          let count = 0;
          const told = between(
            () => device.publish(),
            () => {
              if (count++ === at) seen = driver.wantInterrupts('always');
            },
          );
          if (seen === undefined) return false;
          expect(told || seen).toBe(true);
          return true;
        });
      });

      it(`misses nothing, wherever the device comes in between: ${name}, after ${rounds}`, () => {
        everySchedule(kind, rounds, ({ driver, device }, at) => {
          device.wantNotifications(false);
          let taken: number | undefined;
          let count = 0;
          const notified = between(
            () => offer(driver),
            () => {
              if (count++ === at) taken = takeAll(device);
            },
          );
          if (taken === undefined) return false;
          expect(notified || taken === 1).toBe(true);
          return true;
        });
      });
    }
  }
});
