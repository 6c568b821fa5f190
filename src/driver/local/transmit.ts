import type { LocalRing } from './ring.js';

export interface LocalTransmitOptions {
  /** Bytes of each packet's header (`headerBytes`). */
  readonly headerBytes: number;
  /**
   * Where the header of every packet lies, in a part of its own; all zero it says that nothing is left to the device. When
   * left out, each packet's header is the bytes right before its frame, in one part with it.
   */
  readonly header?: number;
}

/** A transmit queue. Frames stand in the machine's memory where the caller put them, and are his again once they are taken. */
export class LocalTransmitQueue {
  readonly ring: LocalRing;
  /** Notifications that were sent. */
  notifications = 0;
  private readonly notify: () => void;
  private readonly headerBytes: number;
  private readonly header: number | undefined;
  private readonly parts = new Uint32Array(4);
  /** Address of the frame of each buffer that the device has, by id. */
  private readonly frames: Uint32Array;

  /** @param notify an available buffer notification */
  constructor(ring: LocalRing, notify: () => void, { headerBytes, header }: LocalTransmitOptions) {
    this.ring = ring;
    this.notify = notify;
    this.headerBytes = headerBytes;
    this.header = header;
    this.parts[0] = header ?? 0;
    this.parts[1] = headerBytes;
    this.frames = new Uint32Array(ring.place.size);
  }

  /** Puts a frame of `length` bytes at `address` into the ring; false where that is full. `flush` sends what was put there. */
  send(address: number, length: number): boolean {
    const { parts, headerBytes } = this;
    let count = 1;
    if (this.header === undefined) {
      parts[0] = address - headerBytes;
      parts[1] = headerBytes + length;
    } else {
      parts[2] = address;
      parts[3] = length;
      count = 2;
    }
    const id = this.ring.add(parts, count, false);
    if (id < 0) return false;
    this.frames[id] = address;
    return true;
  }

  /** Makes what was put into the ring available, and notifies the device if it wants that. */
  flush(): void {
    if (!this.ring.publish()) return;
    this.notifications++;
    this.notify();
  }

  /** The address of the next frame that the device is done with; -1 where there is none. @throws DeviceError */
  take(): number {
    const id = this.ring.take();
    return id < 0 ? -1 : this.frames[id];
  }

  /** Takes back all that the device is done with. Answers how many frames that were. @throws DeviceError */
  reclaim(): number {
    let count = 0;
    while (this.ring.take() >= 0) count++;
    return count;
  }
}
