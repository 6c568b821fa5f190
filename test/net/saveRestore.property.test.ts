import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NetDevice } from '../../src/net/index.js';
import { Sent } from '../../src/net/link/port.js';
import { VirtioPciFunction } from '../../src/pci/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { flowFrame, plainFrame, reversed, type Flow } from '../support/frames.js';
import { feature, NetDriver, newCard } from '../support/netDriver.js';
import { commandBit } from '../support/pciDriver.js';
import { hashTunnel, rssCommand, rssConfig } from '../support/rssCommands.js';

const queuePairs = 2;
const options = { mac: '52:54:00:12:34:56', queuePairs, queueSize: 16, deadline: 1000 };

/** What happens to a card, from both its sides. */
type Step =
  | { do: 'send'; pair: number; seeds: number[] }
  | { do: 'give'; pair: number; sizes: number[] }
  | { do: 'arrive'; seeds: number[]; flush: boolean }
  | { do: 'wire'; room: boolean }
  | { do: 'pairs'; pairs: number }
  | { do: 'rss'; table: readonly number[]; unclassified: number; pairs: number; key: number[]; tunnels: number }
  | { do: 'mac'; mac: number[] }
  | { do: 'coalesce'; queue: number; packets: number; milliseconds: number }
  | { do: 'filter'; command: readonly [kind: number, command: number, data: number[]] }
  | { do: 'announce' }
  | { do: 'wait'; milliseconds: number }
  | { do: 'link'; up: boolean }
  | { do: 'mask'; vector: number; masked: boolean }
  | { do: 'master'; on: boolean }
  | { do: 'break' }
  | { do: 'restart' }
  | { do: 'save' };

const station = (index: number): number[] => [2, 0, 0, 0, 0, index];
const entries = (...macs: number[][]): number[] => [macs.length, 0, 0, 0, ...macs.flat()];

/** Commands that say what the driver wants to receive, and that it announces its guest (virtio 5.1.6.5.1 to 5.1.6.5.4). */
const filterCommand = fc.constantFrom<[number, number, number[]][]>(
  [0, 0, [0]],
  [0, 0, [0]],
  [0, 0, [1]],
  [0, 2, [1]],
  [0, 4, [1]],
  [0, 4, [0]],
  [1, 0, [...entries(station(1)), ...entries()]],
  [1, 0, [...entries(station(2), station(1)), ...entries([51, 51, 0, 0, 0, 1])]],
  [2, 0, [7, 0]],
  [2, 1, [7, 0]],
  [3, 0, []],
);

const pair = fc.nat(queuePairs - 1);
const seeds = fc.array(fc.nat(99), { minLength: 1, maxLength: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 40, arbitrary: fc.record({ do: fc.constant('send' as const), pair, seeds }) },
  {
    weight: 30,
    arbitrary: fc.record({
      do: fc.constant('give' as const),
      pair,
      sizes: fc.array(fc.integer({ min: 20, max: 150 }), { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 40, arbitrary: fc.record({ do: fc.constant('arrive' as const), seeds, flush: fc.boolean() }) },
  { weight: 20, arbitrary: fc.record({ do: fc.constant('wire' as const), room: fc.boolean() }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('pairs' as const), pairs: fc.nat(queuePairs + 1) }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('rss' as const),
      table: fc.constantFrom([0], [1], [0, 1], [1, 0, 0, 0], [0, 2], [0, 1, 0]),
      unclassified: pair,
      pairs: fc.nat(queuePairs),
      key: fc.array(fc.nat(255), { maxLength: 40 }),
      tunnels: fc.nat(0x1ff),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('mac' as const),
      mac: fc.array(fc.nat(255), { minLength: 6, maxLength: 6 }),
    }),
  },
  { weight: 15, arbitrary: fc.record({ do: fc.constant('filter' as const), command: filterCommand }) },
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'announce' }) },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('coalesce' as const),
      queue: fc.nat(2 * queuePairs),
      packets: fc.nat(5),
      milliseconds: fc.nat(600),
    }),
  },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('wait' as const), milliseconds: fc.nat(700) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('link' as const), up: fc.boolean() }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('mask' as const), vector: fc.nat(5), masked: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('master' as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'break' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'restart' }) },
  { weight: 25, arbitrary: fc.constant<Step>({ do: 'save' }) },
);

/** Frames of ten flows, some of them in a VLAN, and of none; a seed names one. */
function frameOf(seed: number): Uint8Array {
  const flow: Flow = { source: 1, destination: 2, sourcePort: 100 + (seed % 10), destinationPort: 80 };
  if (seed % 7 === 6) return flowFrame({ ...flow, vlan: 7 }, 20 + seed);
  if (seed % 11 === 10) return plainFrame(14 + seed, seed);
  return flowFrame(seed % 2 === 0 ? flow : reversed(flow), 20 + seed);
}

/** A card with a driver that looks at its queues only when it is interrupted, as drivers do. */
class Run {
  /** What the wire and the control queue were answered. */
  readonly answers: unknown[] = [];
  /** By pair: the frames that were received. */
  readonly received: string[][] = Array.from({ length: queuePairs }, () => []);
  readonly parts = newCard({ ...options, memory: 0x200000 });
  private driver: NetDriver;
  private clock = this.parts.clock;
  private card = this.parts.card;
  private pci = this.parts.pci;
  private readonly features: bigint;

  constructor(features: bigint) {
    this.parts.machine.watching = false;
    this.features = features;
    this.driver = new NetDriver(this.parts.machine, { features });
  }

  step(step: Step): void {
    const { parts, driver, card } = this;
    if (step.do === 'send') this.send(step.pair, step.seeds);
    else if (step.do === 'give') this.give(step.pair, step.sizes);
    else if (step.do === 'arrive') {
      this.answers.push(step.seeds.map((seed) => parts.wire.pass(frameOf(seed))));
      if (step.flush) card.flush();
    } else if (step.do === 'wire') {
      parts.wire.answer = step.room ? Sent.taken : Sent.full;
      if (step.room) parts.wire.tellRoom();
    } else if (step.do === 'pairs') this.command(4, 0, [step.pairs, 0]);
    else if (step.do === 'rss') {
      this.command(...rssCommand.rss, rssConfig({ ...step, transmitPairs: step.pairs }));
      this.command(...rssCommand.tunnel, hashTunnel(step.tunnels));
    } else if (step.do === 'mac') this.command(1, 1, step.mac);
    else if (step.do === 'filter') this.command(...step.command);
    else if (step.do === 'announce') this.answers.push(card.announce());
    else if (step.do === 'coalesce') this.coalesce(step.queue, step.packets, step.milliseconds);
    else if (step.do === 'wait') this.clock.advance(step.milliseconds);
    else if (step.do === 'link') card.setLink(step.up);
    else if (step.do === 'mask') driver.msix!.mask(step.vector, step.masked);
    else if (step.do === 'master') this.master(step.on);
    else if (step.do === 'break') this.breakRule();
    else if (step.do === 'restart') this.restart();
    this.serve();
  }

  /** What a restored card does first: it ends the burst that was under way. */
  endBurst(): void {
    this.card.flush();
    this.serve();
  }

  /** Another card, on a clock of its own, goes on where this one was saved. */
  save(): void {
    const state: unknown = JSON.parse(JSON.stringify(this.pci.save()));
    const { machine, wire } = this.parts;
    this.card.attach(undefined);
    this.clock = new ManualClock();
    this.card = new NetDevice(this.clock, options);
    this.pci = new VirtioPciFunction(this.card);
    machine.insert(this.pci);
    wire.plugInto(this.card);
    this.pci.restore(state);
    this.serve();
  }

  /** Lets all that waits go on its way. */
  finish(): void {
    this.master(true);
    for (let vector = 0; vector < 6; vector++) this.driver.msix!.mask(vector, false);
    this.card.flush();
    this.parts.wire.giveRoom();
    this.serve();
    for (let i = 0; i < 10; i++)
      for (let pair = 0; pair < queuePairs; pair++) this.step({ do: 'give', pair, sizes: [150, 150] });
  }

  result(): unknown {
    const { pci } = this.driver;
    return {
      answers: this.answers,
      received: this.received,
      sent: this.parts.wire.sent.map(({ lane, bytes }) => `${lane}: ${hex(bytes)}`),
      counters: this.card.counters,
      status: pci.get('deviceStatus'),
      config: [0, 4, 8].map((offset) => pci.readDevice(offset, 4)),
      lanes: this.card.lanes,
      outstanding: pci.queues.map((queue) => queue.outstanding),
      used: pci.queues.map((queue) => queue.usedIndex),
    };
  }

  private send(pair: number, chosen: number[]): void {
    for (const seed of chosen) this.driver.queuePacket(pair, frameOf(seed));
    this.driver.pci.kick(2 * pair + 1);
  }

  private give(pair: number, sizes: number[]): void {
    for (const size of sizes) this.driver.add(2 * pair, [], [size]);
    this.driver.pci.kick(2 * pair);
  }

  private command(kind: number, command: number, data: number[]): void {
    if (this.driver.pci.queues[2 * queuePairs].free.length >= 3)
      this.answers.push(this.driver.command(kind, command, data));
  }

  /** VIRTIO_NET_CTRL_NOTF_COAL_VQ_SET. */
  private coalesce(queue: number, packets: number, milliseconds: number): void {
    const usecs = 1000 * milliseconds;
    this.command(6, 2, [queue, 0, 0, 0, packets, 0, 0, 0, usecs & 255, (usecs >>> 8) & 255, usecs >>> 16, 0]);
  }

  private breakRule(): void {
    this.driver.queueBytes(1, new Uint8Array(5));
    this.driver.pci.kick(1);
  }

  private restart(): void {
    this.master(true);
    this.driver = new NetDriver(this.parts.machine, { features: this.features });
  }

  private receive(pair: number): void {
    this.received[pair].push(...this.driver.frames(pair).map(hex));
  }

  private master(on: boolean): void {
    this.driver.pci.command(commandBit.memory | (on ? commandBit.busMaster : 0));
  }

  private serve(): void {
    for (const vector of this.driver.msix!.fired()) {
      if (vector === 0 || vector === 2 * queuePairs + 1) continue;
      const pair = (vector - 1) >>> 1;
      if (vector % 2 === 1) this.receive(pair);
      else this.driver.completed(pair);
    }
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const all = Object.values(feature).reduce((sum, bit) => sum | bit, 0n);
const features = fc
  .subarray([feature.eventIndex, feature.mergeable, feature.packed, feature.inOrder])
  .map((without) => without.reduce((rest, bit) => rest & ~bit, all));

it('a card that is saved and restored at any time goes on as one that was not', { timeout: 60000 }, () => {
  fc.assert(
    fc.property(features, fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), (chosen, steps) => {
      const [plain, saved] = [new Run(chosen), new Run(chosen)];
      for (const step of steps) {
        if (step.do === 'save') {
          plain.endBurst();
          saved.save();
        } else for (const run of [plain, saved]) run.step(step);
      }
      for (const run of [plain, saved]) run.finish();
      expect(saved.result()).toEqual(plain.result());
    }),
    { numRuns: 120 },
  );
});
