import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DescriptorChain } from '../../src/virtio/chain.js';
import type { ActiveQueue } from '../../src/virtio/device.js';
import { layouts, type Layout } from '../support/layouts.js';
import { TestMemory } from '../support/memory.js';
import type { DeviceSide, NaiveBuffer } from '../support/naiveDevice.js';
import type { DriverQueue, Element } from '../support/naiveDriver.js';

/** What a driver and a device do with a queue, one after the other and in any order. */
type Step =
  | { do: 'add'; lengths: number[]; readable: number; direct: number | undefined; burst: boolean }
  | { do: 'offer' }
  | { do: 'kick' }
  | { do: 'collect' }
  | { do: 'flags'; flags: number }
  | { do: 'usedEvent'; ahead: number }
  | { do: 'take' }
  | { do: 'rewind' }
  | { do: 'complete'; which: number; written: number }
  | { do: 'publish' }
  | { do: 'want'; wanted: boolean }
  | { do: 'save' };

const length = fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 4, arbitrary: fc.nat(2000) });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      lengths: fc.array(length, { minLength: 1, maxLength: 6 }),
      readable: fc.nat(6),
      direct: fc.option(fc.nat(3), { nil: undefined }),
      burst: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'offer' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'kick' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'collect' }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flags' as const), flags: fc.nat(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('usedEvent' as const), ahead: fc.integer({ min: -3, max: 5 }) }),
  },
  { weight: 6, arbitrary: fc.constant<Step>({ do: 'take' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'rewind' }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('complete' as const), which: fc.nat(10), written: fc.nat(5000) }),
  },
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'publish' }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('want' as const), wanted: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'save' }) },
);

const sizes = {
  split: fc.integer({ min: 0, max: 5 }).map((power) => 2 ** power),
  packed: fc.integer({ min: 1, max: 33 }),
};
interface Setup {
  readonly layout: Layout;
  readonly size: number;
  readonly indirect: boolean;
  readonly eventIndex: boolean;
  readonly start: number;
}
const setupOf = (layout: Layout): fc.Arbitrary<Setup> =>
  sizes[layout.name].chain((size) =>
    fc.record({
      layout: fc.constant(layout),
      size: fc.constant(size),
      indirect: fc.boolean(),
      eventIndex: fc.boolean(),
      // Often shortly before the end, where the count begins anew.
      start: fc.oneof(
        fc.constant(0),
        fc.nat(Math.min(35, layout.period(size) - 1)).map((left) => layout.period(size) - 1 - left),
        fc.nat(layout.period(size) - 1),
      ),
    }),
  );

/** A driver's side and what it has placed, in a memory of its own. */
class Side {
  readonly memory = new TestMemory(0x10000);
  readonly driver: DriverQueue;
  readonly placed: number[] = [];
  private readonly tables: number;
  private readonly data: number;

  constructor({ layout, size, eventIndex, start }: Setup) {
    this.driver = new layout.Driver(this.memory, size, { eventIndex, start });
    this.tables = this.memory.allocate(32 * 6 * 16);
    this.data = this.memory.allocate(2048);
  }

  add({ lengths, readable, direct, burst }: Extract<Step, { do: 'add' }>, { size, indirect }: Setup): void {
    const elements = lengths
      .slice(0, size)
      .map((length, i): Element => ({ address: this.data + i, length, writable: i >= readable }));
    // Tables stand at odd addresses too: a driver need not align them.
    const table = this.tables + 96 * (this.driver.free[0] ?? 0) + (lengths[0] % 2);
    const chosen = indirect && direct !== undefined && direct < elements.length ? { table, direct } : undefined;
    const head = this.driver.place(elements, chosen);
    if (head !== undefined) this.placed.push(head);
    if (!burst) this.driver.offer(...this.placed.splice(0));
  }
}

function elementsOf(chain: DescriptorChain): Element[] {
  return Array.from({ length: chain.count }, (_, i) => ({
    address: chain.addresses[i],
    length: chain.lengths[i],
    writable: i >= chain.readableCount,
  }));
}

/** Does the same with both devices, and compares all that can be seen of them after each step. */
class Comparison {
  readonly ours: Side;
  readonly naive: Side;
  private queue: ActiveQueue;
  private readonly device: DeviceSide;
  private readonly setup: Setup;
  private held: { chain: DescriptorChain; buffer: NaiveBuffer }[] = [];
  /** How many of those that were taken last can be put back. */
  private rewindable = 0;
  /** Elements of the used ring that the driver does not see yet. */
  private unpublished: number[] = [];

  constructor(setup: Setup) {
    this.setup = setup;
    this.ours = new Side(setup);
    this.naive = new Side(setup);
    this.queue = this.newQueue();
    const { start } = setup;
    this.queue.restore({ nextAvailable: start, nextUsed: start, publishedUsed: start, decidedUsed: start });
    this.device = new setup.layout.Device(
      this.naive.memory,
      setup.size,
      this.naive.driver.addresses,
      setup,
      setup.start,
    );
  }

  run(step: Step): void {
    this.ours.memory.watch(() => {
      if (step.do === 'take') this.take();
      else if (step.do === 'rewind') this.rewind();
      else if (step.do === 'publish') this.publish();
      else if (step.do === 'want')
        expect(this.queue.wantNotifications(step.wanted)).toBe(this.device.want(step.wanted));
      else if (step.do === 'save') this.save();
    });
    if (step.do === 'complete') this.complete(step.which, step.written);
    else if (step.do === 'add') for (const side of this.sides) side.add(step, this.setup);
    else if (step.do === 'offer') for (const side of this.sides) side.driver.offer(...side.placed.splice(0));
    else if (step.do === 'kick') expect(this.ours.driver.kick()).toBe(this.naive.driver.kick());
    else if (step.do === 'collect') expect(this.ours.driver.collect()).toEqual(this.naive.driver.collect());
    else if (step.do === 'flags' && !this.setup.eventIndex) {
      for (const side of this.sides) side.driver.setFlags(step.flags);
    } else if (step.do === 'usedEvent') {
      for (const side of this.sides) side.driver.setUsedEvent(side.driver.usedIndex + step.ahead);
    }
    // Before that a device may write what it used at once, or later.
    if (this.unpublished.length > 0) return;
    expect(Buffer.compare(this.ours.memory.bytes, this.naive.memory.bytes)).toBe(0);
  }

  private get sides(): Side[] {
    return [this.ours, this.naive];
  }

  private take(): void {
    const chain = this.queue.next();
    const buffer = this.device.take();
    expect(chain && { head: chain.head, elements: elementsOf(chain) }).toEqual(buffer);
    if (!chain || !buffer) return;
    this.held.push({ chain, buffer });
    this.rewindable++;
  }

  private rewind(): void {
    if (this.rewindable === 0) return;
    this.rewindable--;
    const { chain } = this.held.pop()!;
    this.queue.rewind(chain);
    this.device.putBack();
  }

  private complete(which: number, written: number): void {
    if (this.held.length === 0) return;
    const [{ chain, buffer }] = this.held.splice(which % this.held.length, 1);
    this.rewindable = 0;
    this.queue.complete(chain, written);
    const at = this.device.use(buffer.head, written);
    this.unpublished.push(at);
  }

  /** What was written to the used ring is told to the emulator by now. */
  private publish(): void {
    expect(this.queue.publish()).toBe(this.device.publish());
    for (const at of this.unpublished) expect(this.ours.memory.isReported(at, 8)).toBe(true);
    this.unpublished = [];
  }

  /** Another queue goes on where this one was saved. */
  private save(): void {
    const state = JSON.parse(JSON.stringify(this.queue.save())) as ReturnType<ActiveQueue['save']>;
    this.queue = this.newQueue();
    this.queue.restore(state);
    this.held = this.held.map(({ chain, buffer }) => ({ chain: this.queue.retake(chain.head), buffer }));
    this.rewindable = 0;
  }

  private newQueue(): ActiveQueue {
    return new this.setup.layout.Queue(
      { index: 0, size: this.setup.size, ...this.ours.driver.addresses },
      this.ours.memory,
      this.setup,
    );
  }
}

describe.each(layouts)('a $name queue, beside a naive one written from the specification', (layout) => {
  it(
    'takes the same buffers, writes the same used ring and asks for the same notifications',
    { timeout: 60000 },
    () => {
      fc.assert(
        fc.property(setupOf(layout), fc.array(step, { maxLength: 150, size: 'max' }), (chosen, steps) => {
          const comparison = new Comparison(chosen);
          for (const step of steps) comparison.run(step);
          comparison.run({ do: 'publish' });
        }),
        { numRuns: 250 },
      );
    },
  );
});
