import type { V86 } from 'v86';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { leastRingBytes, newSleepWord, sharedLink, type LinkEnd } from '../../src/fabric/index.js';
import { allDropped } from '../../src/net/index.js';
import { WorkerHost } from '../../src/vm/worker/host.js';
import { broadcast, bytesOf, TestCard } from '../fabric/card.js';
import { testMachine, type TestMachine } from '../hosts/v86/machine.js';

/** A guest's worker without a worker, around a machine that stands still. */
class TestHost extends WorkerHost {
  private readonly emulatorHere: V86;

  constructor({ emulator }: TestMachine) {
    super(newSleepWord());
    this.emulatorHere = emulator;
  }

  protected override get madeEmulator(): V86 {
    return this.emulatorHere;
  }

  get ports(): string[] {
    return this.fabric.counters().ports.map(({ name }) => name);
  }

  /** What the ports lost that lead to other workers. */
  get uplinkLosses(): object {
    return allDropped(this.node.uplinkLosses().flatMap(({ lanes }) => lanes));
  }

  /** A card of the tests on the same switch. */
  station(lanes: number): TestCard {
    return new TestCard(1, lanes).plugInto(this.fabric.addPort('station'));
  }
}

/** The slot of v86's ISA bridge. */
const takenSlot = 1;
/** Where the guest writes which slots it ejects. */
const ejectPort = 0xae08;

let machine: TestMachine;
let host: TestHost;

beforeEach(async () => {
  machine = await testMachine();
  host = new TestHost(machine);
});
afterEach(() => host.destroy());

describe("the switch of a guest's worker", () => {
  it('has a port for each card, as long as the card is there', async () => {
    const slots = ['one', 'two'].map((name) => host.plug({ name }));
    expect(host.ports).toEqual(['one', 'two']);
    await host.unplug(slots[0]);
    expect(host.ports).toEqual(['two']);
    expect(() => host.report(slots[0])).toThrow('There is no card in slot 3.');
    expect(host.plug({ name: 'three' })).toBe(slots[0]);
    expect(host.ports).toEqual(['two', 'three']);
  });

  it('has none for a card that the guest ejected by itself', async () => {
    await machine.emulator.restore_state(await machine.emulator.save_state());
    const slot = host.plug({ name: 'one' });
    machine.cpu.io.port_write32(ejectPort, 1 << slot);
    expect(host.ports).toEqual([]);
    expect(() => host.report(slot)).toThrow('There is no card in slot 3.');
  });

  it.each([
    ['whose slot is taken', { slot: takenSlot }, /PCI slot 1 is taken/],
    ['with an option out of its range', { queuePairs: 0 }, /queuePairs/],
  ])('has none for a card %s', (_, options, message) => {
    expect(() => host.plug(options)).toThrow(message);
    expect(host.ports).toEqual([]);
  });
});

describe('what was lost on the way to other workers', () => {
  const lanes = 2;
  /** More than fit into a ring and wait before it. */
  const frames = 600;

  /** An end of a link at whose other end nobody ever looks. */
  const deadEnd = (): LinkEnd => {
    const bell = { postMessage: () => undefined, onmessage: null, close: () => undefined };
    return sharedLink({ lanes, ringBytes: leastRingBytes }, [newSleepWord(), newSleepWord()], [bell, bell])[0];
  };

  /** What the cards' reports tell of, by pair of each card. */
  const told = (slots: readonly number[]) =>
    slots.map((slot) => host.report(slot).lanes.map(({ dropped }) => dropped.backlogFull ?? 0));

  it.each([
    ['with the first card', [2, 2]],
    ['with the first that has the pair', [1, 2]],
  ])('is told once, %s', async (_, pairs) => {
    for (const name of ['guest 2', 'guest 3']) host.addLink(name, deadEnd());
    const station = host.station(lanes);
    for (let lane = 0; lane < lanes; lane++) {
      for (let i = 0; i < frames; i++) station.transmit(bytesOf(broadcast, 1, i, 0, 1500), lane);
    }
    const slots = pairs.map((queuePairs) => host.plug({ queuePairs }));
    const all = host.uplinkLosses as { backlogFull: number };
    expect(all.backlogFull).toBeGreaterThan(0);
    const each = all.backlogFull / lanes;
    const [first, second] = told(slots);
    expect(first).toEqual(first.map(() => each));
    expect(second).toEqual(second.map((_count, pair) => (pair < first.length ? 0 : each)));
    await host.unplug(slots[0]);
    expect(told([slots[1]])).toEqual([[each, each]]);
  });
});
