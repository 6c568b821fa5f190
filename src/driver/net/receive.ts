import { has } from '../features.js';
import { DeviceError } from '../machine.js';
import type { Queue } from '../queue.js';
import type { Element } from '../ring.js';
import type { Transport } from '../transport.js';
import { decodeHeader, headerBytes, type PacketHeader } from './header.js';
import { joined } from './commands.js';

/** A packet that was received. */
export interface Packet {
  readonly header: PacketHeader;
  /** From the destination address on. */
  readonly frame: Uint8Array;
  /** Used length of each buffer that it came in. */
  readonly lengths: readonly number[];
  /** The queue pair. */
  readonly pair: number;
}

export interface ReceiveOptions {
  /** Bytes of each buffer with its header; when left out, as many as the features make necessary (virtio 5.1.6.3.1). */
  readonly bufferBytes?: number;
  /** Lengths of all elements of a buffer but the last; when left out a buffer is one element, or as legacy needs it. */
  readonly cuts?: readonly number[];
  /** Buffers that the device has at any time; when left out as many as the ring holds, but only 16 of the large ones. */
  readonly buffers?: number;
  readonly indirect?: boolean;
}

const ethernetFrame = 1514;
const largestFrame = 65589;

/** A buffer that is larger than this is a large one. */
const pageBytes = 4096;
const fewBuffers = 16;

/** The size that a receive buffer has to have. */
export function receiveBufferBytes(features: bigint): number {
  const large = (['GUEST_TSO4', 'GUEST_TSO6', 'GUEST_UFO', 'GUEST_USO4', 'GUEST_USO6'] as const).some((name) =>
    has(features, `VIRTIO_NET_F_${name}`),
  );
  const merged = has(features, 'VIRTIO_NET_F_MRG_RXBUF');
  return headerBytes(features) + (large && !merged ? largestFrame : ethernetFrame);
}

/** A receive queue, kept full of buffers. */
export class ReceiveQueue {
  readonly queue: Queue;
  readonly pair: number;
  readonly bufferBytes: number;
  private readonly transport: Transport;
  private readonly features: bigint;
  private readonly cuts: readonly number[];
  private readonly indirect: boolean;
  private readonly most: number;
  /** Addresses of the buffers that the device has, by id, and of those that it hasn't. */
  private readonly given = new Map<number, number>();
  private readonly spare: number[] = [];
  /** Buffers of a packet of which not all have come. */
  private readonly parts: { bytes: Uint8Array; length: number }[] = [];

  constructor(transport: Transport, features: bigint, queue: Queue, pair: number, options: ReceiveOptions = {}) {
    this.transport = transport;
    this.features = features;
    this.queue = queue;
    this.pair = pair;
    this.bufferBytes = options.bufferBytes ?? receiveBufferBytes(features);
    // A legacy device without VIRTIO_F_ANY_LAYOUT wants the header in an element of its own (5.1.6.3.3).
    this.cuts = options.cuts ?? (transport.kind === 'legacy' ? [headerBytes(features)] : []);
    this.indirect = options.indirect ?? false;
    this.most = options.buffers ?? (this.bufferBytes > pageBytes ? fewBuffers : Infinity);
  }

  /** Gives the device all the buffers it can have. Answers how many it has now. */
  async fill(): Promise<number> {
    const needed = this.indirect ? 1 : this.cuts.length + 1;
    while (this.queue.ring.free >= needed && this.given.size < this.most) {
      const address = this.spare.pop() ?? (await this.transport.memory.allocate(this.bufferBytes));
      const id = await this.queue.add(this.elements(address), this.indirect ? { indirect: true } : {});
      this.given.set(id, address);
    }
    await this.queue.kick();
    return this.given.size;
  }

  /**
   * The packets that came since the last time. Their buffers are the driver's until `fill`.
   * @throws DeviceError when a buffer is shorter than a header, or num_buffers is 0
   */
  async receive(): Promise<Packet[]> {
    for (const { id, length } of await this.queue.collect()) {
      const address = this.given.get(id)!;
      this.given.delete(id);
      this.spare.push(address);
      if (length > this.bufferBytes) throw new DeviceError(`${length} bytes in a buffer of ${this.bufferBytes}`);
      this.parts.push({ bytes: await this.transport.memory.machine.readBytes(address, length), length });
    }
    const packets: Packet[] = [];
    for (let packet = this.next(); packet; packet = this.next()) packets.push(packet);
    return packets;
  }

  /** The next packet of which all buffers have come. */
  private next(): Packet | undefined {
    const first = this.parts.at(0);
    if (!first) return undefined;
    const size = headerBytes(this.features);
    if (first.length < size) throw new DeviceError(`a packet of ${first.length} bytes is shorter than its header`);
    const header = decodeHeader(first.bytes.subarray(0, size));
    const count = has(this.features, 'VIRTIO_NET_F_MRG_RXBUF') ? header.numBuffers : 1;
    if (count < 1) throw new DeviceError('a packet that came in no buffers');
    if (this.parts.length < count) return undefined;
    const parts = this.parts.splice(0, count);
    return {
      header,
      frame: joined(...parts.map(({ bytes }) => bytes)).slice(size),
      lengths: parts.map(({ length }) => length),
      pair: this.pair,
    };
  }

  private elements(address: number): Element[] {
    const elements: Element[] = [];
    let at = 0;
    for (const length of [...this.cuts, this.bufferBytes - this.cuts.reduce((sum, each) => sum + each, 0)]) {
      elements.push({ address: address + at, length, writable: true });
      at += length;
    }
    return elements;
  }
}
