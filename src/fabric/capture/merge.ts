import type { Clock } from '../../virtio/clock.js';
import type { CaptureCounters, CaptureSink } from './capture.js';
import { joined } from './outbox.js';
import { withPatience } from './patience.js';
import { BlockWriter, blocksOf, blockType, type Block } from './pcapng.js';

/** A capture of a thread, as another one fetches it. Where the thread is gone all of it may fail. */
export interface CaptureInput {
  /** See `CaptureOutbox.take`. */
  take(): Promise<Uint8Array>;
  /** Ends the capture. What it still has is there to be taken, and this answers when it was. */
  close(): Promise<void>;
  counters(): CaptureCounters[] | Promise<CaptureCounters[]>;
}

interface Source {
  readonly input: CaptureInput;
  /** The numbers of its interfaces here, by their numbers there. */
  readonly interfaces: number[];
}

interface Held {
  readonly time: number;
  readonly block: Uint8Array;
  readonly interfaceId: number;
}

/**
 * Captures of several threads, written as one. All that there is up to a moment is fetched from each of them, put into the
 * order of its times, and written; then what came meanwhile. The times of all of them must count from the same zero: see
 * `CaptureOptions.date`.
 *
 * No frame waits for the sink: while a write is under way, nothing is fetched, and a capture that has no more room counts
 * frames as missed.
 */
export class MergedCapture {
  /** Why it ended early: what the sink's write was rejected with. */
  failure: Error | undefined;

  private readonly sink: CaptureSink;
  private readonly clock: Clock;
  private readonly now: () => number;
  private readonly sources: Source[] = [];
  /** Frames that were written, by interface. */
  private readonly written: number[] = [];
  private held: Held[] = [];
  private head: Uint8Array;
  private wanted = false;
  private running: Promise<void> | undefined;
  private closed = false;

  /** @param now microseconds since 1970, as the captures count them */
  constructor(sink: CaptureSink, options: { clock: Clock; now: () => number; application?: string | undefined }) {
    this.sink = sink;
    this.clock = options.clock;
    this.now = options.now;
    const writer = new BlockWriter(1 << 14);
    writer.section(options.application ?? 'virtio-mq');
    this.head = writer.written.slice();
  }

  /** One more; its interfaces come behind those of the ones before that are known already. */
  add(input: CaptureInput): void {
    this.sources.push({ input, interfaces: [] });
    this.ready();
  }

  /** Some capture has something to be fetched. */
  ready(): void {
    this.wanted = true;
    this.running ??= this.run().finally(() => {
      this.running = undefined;
      // Somebody may have asked between the last look and now.
      if (this.wanted) this.ready();
    });
  }

  /** The frames of all ports. */
  async counters(): Promise<CaptureCounters[]> {
    const all = await Promise.all(
      this.sources.map(async ({ input, interfaces }) => {
        const there = await Promise.resolve(input.counters()).catch(() => []);
        return there.map(({ name, seen }, index) => {
          const written = this.written[interfaces[index]] ?? 0;
          return { name, seen, written, missed: seen - written };
        });
      }),
    );
    return all.flat();
  }

  /** Ends all of it and closes the sink; see `Capture.close`. */
  async close(patience = 5000): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await withPatience(this.clock, patience, this.finish(), (error) => (this.failure ??= error));
    await this.sink.close();
  }

  private async finish(): Promise<void> {
    await Promise.all(this.sources.map(({ input }) => input.close().catch(() => undefined)));
    this.ready();
    while (this.running) await this.running;
  }

  private async run(): Promise<void> {
    while (this.wanted) {
      this.wanted = false;
      const until = this.now();
      const pieces = await Promise.all(
        this.sources.map(async (source) => ({ source, bytes: await source.input.take().catch(() => nothing) })),
      );
      const others = pieces.flatMap(({ source, bytes }) => this.sort(source, bytes));
      await this.write(others, until);
      // Who was asked later may have told of what another one had not seen yet.
      if (this.held.length > 0) this.wanted = true;
    }
  }

  /** Keeps frames until it is their turn; answers the other blocks. All get the numbers that interfaces have here. */
  private sort({ interfaces }: Source, bytes: Uint8Array): Block[] {
    const others: Block[] = [];
    for (const block of blocksOf(bytes)) {
      if (block.type === blockType.section) continue;
      if (block.type === blockType.interface) interfaces.push(this.written.push(0) - 1);
      else block.interfaceId = interfaces[block.interfaceId];
      if (block.type !== blockType.packet) others.push(block);
      else this.held.push({ time: block.time, block: block.bytes, interfaceId: block.interfaceId });
    }
    return others;
  }

  /** Descriptions come before all frames that refer to them, and statistics at the end. */
  private async write(others: readonly Block[], until: number): Promise<void> {
    this.held.sort((a, b) => a.time - b.time);
    const later = this.held.findIndex(({ time }) => time > until);
    const frames = later < 0 ? this.held.splice(0) : this.held.splice(0, later);
    const described = others.filter(({ type }) => type === blockType.interface).map(({ bytes }) => bytes);
    const rest = others.filter(({ type }) => type !== blockType.interface).map(({ bytes }) => bytes);
    const bytes = joined([this.head, ...described, ...frames.map(({ block }) => block), ...rest]);
    this.head = nothing;
    if (bytes.length === 0 || this.failure) return;
    try {
      await this.sink.write(bytes);
      for (const { interfaceId } of frames) this.written[interfaceId]++;
    } catch (error) {
      this.failure ??= error instanceof Error ? error : new Error(String(error));
    }
  }
}

const nothing = new Uint8Array(0);
