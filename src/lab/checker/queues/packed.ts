import type { DescriptorChain } from '../../../virtio/chain.js';
import type { Findings } from '../findings.js';
import {
  Waiting,
  BufferBuilder,
  descriptorBytes,
  flag,
  GuestReader,
  type Buffer,
  type BufferEvents,
  type RingSetup,
  type RingWatch,
} from './ring.js';

const available = 0x80;
const used = 0x8000;
const statements = { order: 'packed-dri-007', longest: 'packed-dri-013' } as const;

/** A buffer that the device has: what its descriptors were when it got it, by offset. */
interface Exposed {
  readonly buffer: Buffer | undefined;
  readonly slots: number;
  readonly words: Map<number, readonly number[]>;
}

/**
 * A packed virtqueue as its driver fills it (virtio 2.8). A place is counted over two rounds: in the first of them the
 * wrap counter is 1, in the second 0.
 */
export class PackedRingWatch implements RingWatch {
  private readonly findings: Findings;
  private readonly setup: RingSetup;
  private readonly events: BufferEvents;
  private readonly reader: GuestReader;
  private readonly rounds: number;
  /** The place of the descriptor that is made available next. */
  private next: number;
  /** Where that was at the last notification. */
  private told: number;
  /** The place of the next used descriptor, and up to where the driver sees them. */
  private nextUsed: number;
  private published: number;
  private readonly exposed = new Map<number, Exposed>();
  private readonly waiting = new Waiting();
  /** The ring makes no sense any more: nothing behind this place can be read. */
  private broken = false;

  constructor(findings: Findings, setup: RingSetup, events: BufferEvents) {
    this.findings = findings;
    this.setup = setup;
    this.events = events;
    this.reader = new GuestReader(setup.memory);
    this.rounds = 2 * setup.size;
    this.next = this.told = setup.nextAvailable;
    this.nextUsed = this.published = setup.publishedUsed;
  }

  begins(): void {
    // Nothing is said of what the areas hold at first but that no descriptor may be available.
  }

  first(): void {
    this.look();
  }

  look(): void {
    while (!this.broken && this.inUse < this.setup.size && this.isAvailable(this.next)) this.expose();
  }

  taken(chain: DescriptorChain | undefined): void {
    const expected = this.waiting.take(chain?.head);
    if (expected !== undefined) this.verify(expected);
  }

  putBack({ head }: DescriptorChain): void {
    this.waiting.putBack(head);
  }

  used({ head, slots }: DescriptorChain, written: number): void {
    this.look();
    this.verify(head);
    const known = this.exposed.get(head);
    this.exposed.delete(head);
    // The used descriptor may stand over one of a buffer that the device still has (2.8.8).
    const over = this.offset(this.nextUsed);
    for (const { words } of this.exposed.values()) words.delete(over);
    this.nextUsed = this.after(this.nextUsed, known?.slots ?? slots);
    if (known?.buffer) this.events.used(known.buffer, written);
  }

  shown(): void {
    this.published = this.nextUsed;
  }

  /** A notification may have been under way while the driver made more available: any position since then is right. */
  notified(position: number | undefined): void {
    const { findings, setup, told } = this;
    this.told = this.next;
    if (position === undefined || this.broken) return;
    const place = (position & 0x7fff) + (position & 0x8000 ? 0 : setup.size);
    const right = (position & 0x7fff) < setup.size && this.distance(told, place) <= this.distance(told, this.next);
    const expected = `${this.offset(this.next)}, wrap ${this.wrapAt(this.next) ? 1 : 0}`;
    const seen = (): string => `next_off ${position & 0x7fff}, wrap ${position >>> 15}, not ${expected}`;
    findings.check('packed-dri-004', right, seen, { queue: setup.index });
  }

  wished(): void {
    // No statement demands that a driver of a packed ring notifies.
  }

  closing(): void {
    // Nothing is left open.
  }

  /** Descriptors that are not the driver's, as far as it can know. */
  private get inUse(): number {
    return this.distance(this.published, this.next);
  }

  /** Reads the list that starts at the next place. */
  private expose(): void {
    const { findings, reader, setup } = this;
    const { index: queue, size, indirect } = setup;
    const first = this.next;
    const room = size - this.inUse;
    const builder = new BufferBuilder(findings, reader, queue, this.offset(first));
    const { place } = builder;
    const words = new Map<number, readonly number[]>();
    let slots = 0;
    let id = 0;
    let list = true;
    let readable = true;
    for (let at = first; ; at = this.after(at, 1)) {
      const offset = this.offset(at);
      const current = this.wordsOf(offset);
      const flags = current[3] >>> 16;
      const address = current[0] + current[1] * 2 ** 32;
      id = current[3] & 0xffff;
      words.set(offset, current);
      slots++;
      if (flags & flag.indirect) {
        findings.check('packed-dri-011', indirect, () => 'VIRTQ_DESC_F_INDIRECT', place);
        if (slots > 1 || flags & flag.next) list = false;
        readable &&= this.readTable(builder, address, current[2]);
      } else {
        builder.add(address, current[2], (flags & flag.write) !== 0);
      }
      if (!(flags & flag.next)) break;
      if (slots > room || slots >= size || !this.isAvailable(this.after(at, 1))) {
        this.endless(slots, room, builder);
        return;
      }
    }
    if (!indirect) findings.check('packed-dri-011', true, () => '', place);
    findings.check('packed-dri-014', list, () => 'an indirect descriptor in a list', place);
    findings.check('packed-dri-006', true, () => '', place);
    findings.check('packed-dri-010', true, () => '', place);
    const fits = slots <= room;
    findings.check('packed-dri-009', fits, () => `${slots} descriptors, and room for ${room}`, place);
    const buffer = builder.finish(statements, size);
    this.next = this.after(first, slots);
    this.broken = !fits;
    this.waiting.add(id);
    this.exposed.set(id, { buffer: readable && list ? buffer : undefined, slots, words });
    if (buffer && readable && list && fits) this.events.exposed(buffer);
  }

  /** A list that does not come to its end within what is there. */
  private endless(slots: number, room: number, { place }: BufferBuilder): void {
    const { findings, setup } = this;
    this.broken = true;
    if (slots >= setup.size) {
      findings.check('packed-dri-006', false, () => `more than ${slots} descriptors`, place);
    } else if (slots >= room) {
      findings.check('packed-dri-009', false, () => `more than the ${room} descriptors that are free`, place);
    } else {
      findings.check('packed-dri-010', false, () => `of a list only ${slots} descriptors are available`, place);
    }
  }

  /** Reads an indirect table (2.8.7); false when it is none. */
  private readTable(builder: BufferBuilder, table: number, bytes: number): boolean {
    const { findings, reader, setup } = this;
    const entries = Math.floor(bytes / descriptorBytes);
    if (!builder.reaches(table, bytes) || entries === 0) return false;
    let strange = 0;
    const end = table + descriptorBytes * entries;
    // Longer than it may be, it is not worth to be read to its end.
    for (let at = table; at < end && builder.pieces.length <= setup.size; at += descriptorBytes) {
      const flags = reader.u16(at + 14);
      strange |= flags & ~flag.write;
      builder.add(reader.u64(at), reader.u32(at + 8), (flags & flag.write) !== 0);
    }
    findings.check('packed-dri-012', strange === 0, () => `flags 0x${strange.toString(16)}`, builder.place);
    return true;
  }

  /** Compares the descriptors of a buffer that the device has with what they were. */
  private verify(id: number): void {
    const known = this.exposed.get(id);
    if (!known) return;
    const { findings, setup } = this;
    let altered = false;
    let reused = false;
    for (const [offset, before] of known.words) {
      const now = this.wordsOf(offset);
      if (now.every((word, i) => word === before[i])) continue;
      altered = true;
      if (((now[3] ^ before[3]) >>> 16) & (available | used)) reused = true;
    }
    const [descriptor] = known.words.keys();
    const place = { queue: setup.index, descriptor };
    const seen = (): string => (reused ? 'its flags say that it is available, or not, anew' : 'a descriptor changed');
    findings.check('basic-dri-023', !altered, seen, place);
    findings.check('basic-dri-024', !reused, seen, place);
    findings.check('packed-dri-002', !reused, seen, place);
    findings.check('packed-dri-003', !altered, seen, place);
  }

  private isAvailable(place: number): boolean {
    const flags = this.reader.u16(this.setup.descriptorArea + descriptorBytes * this.offset(place) + 14);
    const wrap = this.wrapAt(place);
    return ((flags & available) !== 0) === wrap && ((flags & used) !== 0) !== wrap;
  }

  private wordsOf(offset: number): readonly number[] {
    const base = this.setup.descriptorArea + descriptorBytes * offset;
    return [0, 4, 8, 12].map((at) => this.reader.u32(base + at));
  }

  private wrapAt(place: number): boolean {
    return place < this.setup.size;
  }

  private offset(place: number): number {
    return place % this.setup.size;
  }

  private after(place: number, count: number): number {
    return (place + count) % this.rounds;
  }

  private distance(from: number, to: number): number {
    return (to - from + this.rounds) % this.rounds;
  }
}
