import type { NetDevice } from '../../net/index.js';
import type { VirtioPciFunction } from '../../pci/index.js';
import type { Clock } from '../../virtio/clock.js';
import type { ActiveQueue } from '../../virtio/device.js';
import type { AccessWidth } from '../../virtio/registers.js';
import { interpose, type MethodName } from '../interpose.js';

/** A card that can be made to misbehave, as `attachVirtioNet`, `guest.addCard` and `inProcess` answer one. */
export interface Card {
  readonly device: NetDevice;
  readonly function: VirtioPciFunction;
}

/** What faults work on a card with. Everything that is done here ends with `stop`. */
export class Bench {
  readonly device: NetDevice;
  readonly function: VirtioPciFunction;
  readonly clock: Clock;
  private readonly undo: (() => void)[] = [];
  private readonly pending = new Set<() => void>();

  constructor(card: Card, clock: Clock) {
    this.device = card.device;
    this.function = card.function;
    this.clock = clock;
  }

  interpose<T extends object, K extends MethodName<T>>(target: T, name: K, make: (original: T[K]) => T[K]): void {
    this.undo.push(interpose(target, name, make));
  }

  /** Dresses each queue that is at work, and each that comes to be. */
  eachQueue(dress: (queue: ActiveQueue, name: string) => void): void {
    const { device, function: fn } = this;
    const dressed = new WeakSet<ActiveQueue>();
    const look = (): void => {
      fn.queues.forEach((queue, index) => {
        if (!queue || dressed.has(queue)) return;
        dressed.add(queue);
        dress(queue, device.queueName(index));
      });
    };
    look();
    // A queue is made before DRIVER_OK or, if it is enabled later, before the device is told to look at it.
    this.interpose(device, 'activate', (activate) => (activation) => {
      look();
      activate(activation);
    });
    this.interpose(device, 'notify', (notify) => (index, byDriver) => {
      look();
      notify(index, byDriver);
    });
  }

  /** Tells the driver of what a queue shows by now, if it wants to know. */
  publish(queue: ActiveQueue): void {
    if (this.isAtWork(queue) && queue.publish()) this.function.interrupts.queue(queue.index);
  }

  isAtWork(queue: ActiveQueue): boolean {
    return this.function.queues[queue.index] === queue;
  }

  /** Does something later: after this many milliseconds, or at the end of the injection, if that comes first. */
  after(milliseconds: number, work: () => void): void {
    const once = (): void => {
      if (!this.pending.delete(once)) return;
      cancel();
      work();
    };
    this.pending.add(once);
    const cancel = milliseconds === Infinity ? (): void => undefined : this.clock.after(milliseconds, once);
  }

  /**
   * Changes what the driver reads of a register in the common configuration. `change` is asked once a read, with the
   * register's bytes and, of registers that belong to one, the name of the selected queue.
   * @param places offset in the modern and in the legacy structure, and the width
   */
  register(places: RegisterPlaces, change: (bytes: Uint8Array, queue: string) => void): void {
    for (const bar of this.function.bars) {
      if (!bar) continue;
      const { at, select } = bar.kind === 'io' ? legacyPlace(places) : modernPlace(places);
      if (at === undefined) continue;
      this.interpose(bar, 'read', (read) =>
        changedReads(read, { at, width: places.width }, (bytes) =>
          change(bytes, this.device.queueName(read(select, 2))),
        ),
      );
    }
  }

  /** The same for bytes of the device configuration. */
  deviceConfig(at: number, width: number, change: (bytes: Uint8Array) => void): void {
    this.interpose(this.device, 'readConfig', (read) => changedReads(read, { at, width }, change));
  }

  stop(): void {
    for (const undo of this.undo.splice(0).reverse()) undo();
    for (const work of [...this.pending]) work();
  }
}

/** Where a register is; undefined where a structure has none. */
export interface RegisterPlaces {
  readonly modern?: number;
  readonly legacy?: number;
  readonly width: number;
}

/** Registers of struct virtio_pci_common_cfg (virtio 4.1.4.3), and of the legacy structure (4.1.4.10). */
export const registers = {
  status: { modern: 20, legacy: 18, width: 1 },
  configGeneration: { modern: 21, width: 1 },
  queueSize: { modern: 24, legacy: 12, width: 2 },
} as const satisfies Readonly<Record<string, RegisterPlaces>>;

const modernPlace = ({ modern }: RegisterPlaces) => ({ at: modern, select: 22 });
const legacyPlace = ({ legacy }: RegisterPlaces) => ({ at: legacy, select: 14 });

type Read = (offset: number, width: AccessWidth) => number;

/** Reads in which some bytes are others. An emulator may read them one by one: they are chosen as the first is read. */
function changedReads(
  read: Read,
  { at, width }: { at: number; width: number },
  change: (bytes: Uint8Array) => void,
): Read {
  const bytes = new Uint8Array(width);
  return (offset, accessWidth) => {
    const value = read(offset, accessWidth);
    if (offset + accessWidth <= at || offset >= at + width) return value;
    if (offset <= at) {
      for (let i = 0; i < width; i++) bytes[i] = read(at + i, 1);
      change(bytes);
    }
    let result = 0;
    for (let i = 0; i < accessWidth; i++) {
      const place = offset + i - at;
      const byte = place >= 0 && place < width ? bytes[place] : (value >>> (8 * i)) & 0xff;
      result += byte * 2 ** (8 * i);
    }
    return result;
  };
}
