import { beforeEach, describe, expect, it } from 'vitest';

import { before, switchBackend } from '../../src/cli/backends.js';
import { StationCards } from '../../src/cli/stations/cards.js';
import type { CardPlan } from '../../src/cli/stations/plan.js';
import { Switch, type FabricPortCounters } from '../../src/fabric/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { TestCard } from '../fabric/card.js';
import { testMachine, type TestMachine } from '../hosts/v86/machine.js';

/** Where the guest writes which slots it ejects. */
const ejectPort = 0xae08;

let machine: TestMachine;
let fabric: Switch;
let cards: StationCards;

beforeEach(async () => {
  machine = await testMachine();
  fabric = new Switch({ clock: new ManualClock() });
  // As where something is before each port.
  const backend = before(switchBackend(fabric), (port) => port);
  cards = new StationCards(machine.emulator, backend, { note: () => undefined, pairs: () => undefined });
});

const ports = (): string[] => fabric.counters().ports.map(({ name }) => name);

function plan(name: string, options: Partial<CardPlan['card']> = {}): CardPlan {
  return { card: { name, mac: '52:54:00:00:00:01', queuePairs: 2, ...options } };
}

describe("a station's cards", () => {
  it('have a port each, as long as they are there', async () => {
    const [slot] = ['one', 'two'].map((name) => cards.plug(plan(name)));
    expect(ports()).toEqual(['one', 'two']);
    await cards.unplug(slot);
    expect(ports()).toEqual(['two']);
  });

  it('have no port where they cannot be', () => {
    expect(() => cards.plug(plan('one', { slot: 1 }))).toThrow(/PCI slot 1 is taken/);
    expect(ports()).toEqual([]);
  });

  it('can still be told of when the guest has ejected them', async () => {
    await machine.emulator.restore_state(await machine.emulator.save_state());
    const slot = cards.plug(plan('one'));
    machine.cpu.io.port_write32(ejectPort, 1 << slot);
    expect(ports()).toEqual([]);
    expect(cards.status(slot)).toMatchObject({ mac: '52:54:00:00:00:01', queuePairs: 2 });
  });

  it('tell once what was lost behind all of them', () => {
    const lossy = fabric.addPort('lossy');
    const sender = new TestCard(1).plugInto(lossy);
    sender.transmit(new Uint8Array(10));
    const besides: FabricPortCounters[] = [lossy.counters()];
    const slots = ['one', 'two'].map((name) => cards.plug(plan(name)));
    expect(slots.map((slot) => cards.status(slot, besides).lanes[0].dropped)).toEqual([{ runt: 1 }, {}]);
  });
});
