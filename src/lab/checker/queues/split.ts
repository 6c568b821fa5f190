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

const noNotify = 1;
const noInterrupt = 1;
const longestBuffer = 2 ** 32;
const statements = { order: 'split-dri-002', longest: 'split-dri-007' } as const;

const wrap = (index: number): number => index & 0xffff;

/** A buffer that the device has, with its entries as they were when it got it. */
interface Exposed {
  readonly buffer: Buffer | undefined;
  /** Place of its head in the available ring. */
  readonly entry: number;
  readonly descriptors: readonly number[];
  readonly words: readonly number[];
}

/** A split virtqueue as its driver fills it (virtio 2.7). */
export class SplitRingWatch implements RingWatch {
  private readonly findings: Findings;
  private readonly setup: RingSetup;
  private readonly events: BufferEvents;
  private readonly reader: GuestReader;
  /** `idx` of the available ring as it was seen last. */
  private seen: number;
  private readonly exposed = new Map<number, Exposed>();
  private readonly waiting = new Waiting();
  /** The driver made something available of which the device wants to be told, and has not told yet. */
  private owed = false;

  constructor(findings: Findings, setup: RingSetup, events: BufferEvents) {
    this.findings = findings;
    this.setup = setup;
    this.events = events;
    this.reader = new GuestReader(setup.memory);
    this.seen = setup.nextAvailable;
  }

  /** The driver has just given the ring to the device. */
  begins(): void {
    const { findings, reader, setup } = this;
    const flags = reader.u16(setup.deviceArea);
    findings.check('split-dri-015', flags === 0, () => `flags ${flags}`, { queue: setup.index });
  }

  /** What was made available before anybody could be told of it. */
  first(): void {
    this.look();
    this.owed = false;
  }

  look(): void {
    const { findings, reader, setup } = this;
    const { index: queue, size, driverArea } = setup;
    const index = reader.u16(driverArea + 2);
    const count = wrap(index - this.seen);
    this.checkFlags();
    if (count === 0) return;
    // The driver never has more in the ring than it has entries: a larger step is one back.
    const forward = count <= size;
    const seen = (): string => `idx went from ${this.seen} to ${index}`;
    findings.check('split-dri-010', forward, seen, { queue });
    findings.check('basic-dri-024', forward, seen, { queue });
    const before = this.seen;
    this.seen = index;
    if (!forward) return;
    for (let i = 0; i < count; i++) this.expose(wrap(before + i));
    if (this.wanted(before, count)) this.owed = true;
  }

  taken(chain: DescriptorChain | undefined): void {
    const expected = this.waiting.take(chain?.head);
    if (expected !== undefined) this.verify(expected);
  }

  putBack({ head }: DescriptorChain): void {
    this.waiting.putBack(head);
  }

  used({ head }: DescriptorChain, written: number): void {
    this.look();
    this.verify(head);
    const { buffer } = this.exposed.get(head) ?? {};
    this.exposed.delete(head);
    if (buffer) this.events.used(buffer, written);
  }

  shown(): void {
    // The indices of a split ring say all.
  }

  notified(): void {
    if (!this.owed) return;
    this.owed = false;
    this.findings.check(this.mustNotify, true, () => '');
  }

  /** A driver that looked at the device's wish after this one sees another wish: nobody knows which it saw. */
  wished(): void {
    this.owed = false;
  }

  closing(): void {
    const { findings, setup, owed } = this;
    const seen = (): string => `buffers up to idx ${this.seen} were never told of`;
    if (owed) findings.check(this.mustNotify, false, seen, { queue: setup.index });
    this.owed = false;
  }

  private get mustNotify(): 'split-dri-018' | 'split-dri-020' {
    return this.setup.eventIndex ? 'split-dri-020' : 'split-dri-018';
  }

  /** Whether the device wants to be told of one of these entries (2.7.10). */
  private wanted(before: number, count: number): boolean {
    const { reader, setup } = this;
    if (!setup.eventIndex) return (reader.u16(setup.deviceArea) & noNotify) === 0;
    const event = reader.u16(setup.deviceArea + 4 + 8 * setup.size);
    return wrap(event - before) < count;
  }

  private checkFlags(): void {
    const { findings, reader, setup } = this;
    const flags = reader.u16(setup.driverArea);
    const seen = (): string => `flags ${flags}`;
    if (setup.eventIndex) findings.check('split-dri-012', flags === 0, seen, { queue: setup.index });
    else findings.check('split-dri-011', flags <= noInterrupt, seen, { queue: setup.index });
  }

  private expose(entry: number): void {
    const { reader, setup, findings } = this;
    const { index: queue, size } = setup;
    const head = reader.u16(this.entryAt(entry));
    this.waiting.add(head);
    if (head >= size) return;
    const twice = this.exposed.has(head);
    const again = (): string => 'made available again before it was used';
    if (twice) findings.check('basic-dri-023', false, again, { queue, descriptor: head });
    const descriptors: number[] = [];
    const buffer = this.walk(head, descriptors);
    this.exposed.set(head, { buffer, entry, descriptors, words: descriptors.flatMap((at) => this.wordsOf(at)) });
    if (buffer) this.events.exposed(buffer);
  }

  /** Reads a chain; undefined when it can't be followed. */
  private walk(head: number, descriptors: number[]): Buffer | undefined {
    const { findings, reader, setup } = this;
    const { index: queue, size, descriptorArea, indirect } = setup;
    const builder = new BufferBuilder(findings, reader, queue, head);
    const { place } = builder;
    let sequential = true;
    let whole = true;
    for (let at = head; ;) {
      // No statement is about indices beyond the table; what they lead to is no chain.
      if (at >= size) return undefined;
      if (descriptors.length === size) {
        whole = false;
        break;
      }
      descriptors.push(at);
      const base = descriptorArea + descriptorBytes * at;
      const [address, length] = [reader.u64(base), reader.u32(base + 8)];
      const [flags, next] = [reader.u16(base + 12), reader.u16(base + 14)];
      if (flags & flag.indirect) {
        findings.check('split-dri-005', indirect, () => 'VIRTQ_DESC_F_INDIRECT', place);
        findings.check('split-dri-008', (flags & flag.next) === 0, () => 'both flags', place);
        if (!this.walkTable(builder, address, length)) return undefined;
        break;
      }
      builder.add(address, length, (flags & flag.write) !== 0);
      if (!(flags & flag.next)) break;
      if (next !== (at + 1) % size) sequential = false;
      at = next;
    }
    if (!indirect) findings.check('split-dri-005', true, () => '', place);
    const total = builder.readableLength + builder.writableLength;
    const right = whole && total <= longestBuffer && (sequential || !setup.inOrder);
    const fault = (): string =>
      whole
        ? `${total} bytes from descriptor ${head} on, of ${descriptors.length}`
        : `a loop from descriptor ${head} on`;
    findings.check('split-dri-004', right, fault, place);
    const buffer = builder.finish(statements, size);
    return whole ? buffer : undefined;
  }

  /** Reads an indirect table (2.7.5.3); false when it can't be followed. */
  private walkTable(builder: BufferBuilder, table: number, bytes: number): boolean {
    const { findings, reader, setup } = this;
    const { place } = builder;
    const entries = Math.floor(bytes / descriptorBytes);
    if (!builder.reaches(table, bytes) || entries === 0) return false;
    let nested = false;
    let sequential = true;
    let whole = true;
    for (let at = 0, count = 1; ; count++) {
      if (at >= entries) return false;
      if (count > entries) {
        whole = false;
        break;
      }
      const base = table + descriptorBytes * at;
      const flags = reader.u16(base + 12);
      const next = reader.u16(base + 14);
      if (flags & flag.indirect) nested = true;
      else builder.add(reader.u64(base), reader.u32(base + 8), (flags & flag.write) !== 0);
      // Longer than it may be, it is not worth to be read to its end.
      if (!(flags & flag.next) || builder.pieces.length > setup.size) break;
      if (next !== at + 1) sequential = false;
      at = next;
    }
    findings.check('split-dri-006', !nested, () => 'a table within a table', place);
    if (setup.inOrder)
      findings.check('split-dri-009', sequential, () => 'entries of a table out of their order', place);
    if (!whole) findings.check('split-dri-004', false, () => `a loop in a table of ${entries}`, place);
    return whole && !nested;
  }

  /** Compares the entries of a buffer that the device has with what they were. */
  private verify(head: number): void {
    const known = this.exposed.get(head);
    if (!known) return;
    const { findings, setup, reader } = this;
    const sameHead = reader.u16(this.entryAt(known.entry)) === head;
    const same = known.descriptors.every((at, i) =>
      this.wordsOf(at).every((word, j) => word === known.words[4 * i + j]),
    );
    const seen = (): string => (sameHead ? 'a descriptor changed' : 'its entry of the available ring changed');
    findings.check('basic-dri-023', sameHead && same, seen, { queue: setup.index, descriptor: head });
  }

  private entryAt(entry: number): number {
    return this.setup.driverArea + 4 + 2 * (entry % this.setup.size);
  }

  private wordsOf(at: number): number[] {
    const base = this.setup.descriptorArea + descriptorBytes * at;
    return [0, 4, 8, 12].map((offset) => this.reader.u32(base + offset));
  }
}
