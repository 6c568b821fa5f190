import type { Queue } from '../queue.js';
import type { Transport } from '../transport.js';
import { joined } from './commands.js';
import { cut } from './control.js';
import { encodeHeader, headerBytes, type PacketHeader } from './header.js';

export interface SendOptions {
  /** Fields of the packet's header; those left out are 0. */
  readonly header?: Partial<PacketHeader>;
  /** Lengths of all elements but the last, counted from the header's start; the header alone when left out. */
  readonly cuts?: readonly number[];
  readonly indirect?: boolean;
}

/** A transmit queue. Each packet is copied to memory of its own, which is free again when the device has used it. */
export class TransmitQueue {
  readonly queue: Queue;
  readonly pair: number;
  private readonly transport: Transport;
  private readonly header: number;
  private readonly packets = new Map<number, number>();

  constructor(transport: Transport, features: bigint, queue: Queue, pair: number) {
    this.transport = transport;
    this.header = headerBytes(features);
    this.queue = queue;
    this.pair = pair;
  }

  /** Packets that the device has. */
  get outstanding(): number {
    return this.packets.size;
  }

  /** Puts a packet into the ring, without telling the device: `queue.kick` does. */
  async add(frame: Uint8Array, options: SendOptions = {}): Promise<void> {
    const bytes = joined(encodeHeader(options.header ?? {}, this.header), frame);
    const address = await this.transport.memory.store(bytes);
    const elements = cut(address, bytes.length, options.cuts ?? [this.header]);
    const id = await this.queue.add(elements, options.indirect ? { indirect: true } : {});
    this.packets.set(id, address);
  }

  /** Puts packets into the ring and tells the device, if it wants that. */
  async send(frames: readonly Uint8Array[], options: SendOptions = {}): Promise<void> {
    for (const frame of frames) await this.add(frame, options);
    await this.queue.kick();
  }

  /** Takes back what the device has used. Answers how many packets that were. */
  async reclaim(): Promise<number> {
    const used = await this.queue.collect();
    for (const { id } of used) {
      this.transport.memory.free(this.packets.get(id)!);
      this.packets.delete(id);
    }
    return used.length;
  }
}
