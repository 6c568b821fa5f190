import { DeviceError } from '../machine.js';
import type { LocalMemory } from './memory.js';
import type { LocalRing } from './ring.js';

/** `num_buffers` in the packet header (virtio 5.1.6). */
const numBuffersAt = 10;

export interface LocalReceiveOptions {
  /** Bytes of each packet's header (`headerBytes`). */
  readonly headerBytes: number;
  /** VIRTIO_NET_F_MRG_RXBUF was negotiated. */
  readonly mergeable: boolean;
  /** Memory for the buffers, one after the other. */
  readonly address: number;
  /** Of each, with the header; a multiple of 4 keeps them aligned. */
  readonly bufferBytes: number;
  /** How many there are. */
  readonly buffers: number;
}

/** A receive queue with buffers of its own. */
export class LocalReceiveQueue {
  readonly ring: LocalRing;
  /** Notifications that were sent. */
  notifications = 0;
  /** Of the packet that `next` found: where its header is. */
  header = 0;
  /** Where its frame lies: address and length of each of `count` parts, in turn. */
  readonly parts: Uint32Array;
  count = 0;
  private readonly memory: LocalMemory;
  private readonly notify: () => void;
  private readonly options: LocalReceiveOptions;
  private readonly part = new Uint32Array(2);
  /** Buffers that the device does not have: the first `spares` of these addresses. */
  private readonly spare: Uint32Array;
  private spares: number;
  /** Address of each buffer that the device has, by id. */
  private readonly given: Uint32Array;

  /** @param notify an available buffer notification */
  constructor(memory: LocalMemory, ring: LocalRing, notify: () => void, options: LocalReceiveOptions) {
    const { address, bufferBytes, buffers } = options;
    this.memory = memory;
    this.ring = ring;
    this.notify = notify;
    this.options = options;
    this.part[1] = bufferBytes;
    this.spare = Uint32Array.from({ length: buffers }, (_, i) => address + bufferBytes * i);
    this.spares = buffers;
    this.given = new Uint32Array(ring.place.size);
    this.parts = new Uint32Array(2 * buffers);
  }

  /** Gives the device all buffers that it can have. The packets that `next` found are gone then. Answers how many it gave. */
  fill(): number {
    const { ring, part } = this;
    let count = 0;
    while (this.spares > 0 && ring.free > 0) {
      const address = this.spare[--this.spares];
      part[0] = address;
      this.given[ring.add(part, 1, true)] = address;
      count++;
    }
    if (count > 0 && ring.publish()) {
      this.notifications++;
      this.notify();
    }
    return count;
  }

  /**
   * Finds the next packet; it stands in its buffers until `fill`. Answers its frame's length in bytes, -1 where there is none.
   * @throws DeviceError when a buffer is shorter than the header, or not all buffers of a packet are there
   */
  next(): number {
    const { headerBytes, mergeable } = this.options;
    const written = this.take();
    if (written < 0) return -1;
    const address = this.spare[this.spares - 1];
    if (written < headerBytes) throw new DeviceError(`a packet of ${written} bytes is shorter than its header`);
    this.header = address;
    this.parts[0] = address + headerBytes;
    this.parts[1] = written - headerBytes;
    this.count = 1;
    return mergeable ? this.merge(written - headerBytes) : written - headerBytes;
  }

  /** Takes the buffers of the packet behind the first; they become visible with it (virtio 5.1.6.4.1). */
  private merge(length: number): number {
    const { bytes } = this.memory;
    const buffers = bytes[this.header + numBuffersAt] | (bytes[this.header + numBuffersAt + 1] << 8);
    if (buffers === 0) throw new DeviceError('a packet that came in no buffers');
    while (this.count < buffers) {
      const written = this.take();
      if (written < 0) throw new DeviceError(`only ${this.count} of the ${buffers} buffers of a packet are there`);
      this.parts[2 * this.count] = this.spare[this.spares - 1];
      this.parts[2 * this.count + 1] = written;
      this.count++;
      length += written;
    }
    return length;
  }

  /** Takes back a used buffer, which is the last of the spare ones then. Answers how many bytes are in it, -1 where there is none. */
  private take(): number {
    const id = this.ring.take();
    if (id < 0) return -1;
    const { written } = this.ring;
    if (written > this.options.bufferBytes) {
      throw new DeviceError(`${written} bytes in a buffer of ${this.options.bufferBytes}`);
    }
    this.spare[this.spares++] = this.given[id];
    return written;
  }
}
