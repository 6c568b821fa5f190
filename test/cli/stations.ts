import { backends } from '../../src/cli/backends.js';
import { Station } from '../../src/cli/network.js';
import { StationCard } from '../../src/cli/stations/cards.js';
import type { CardPlan, GuestCards } from '../../src/cli/stations/plan.js';
import { GuestConsole, type Guest, type RunOptions, type RunResult } from '../../src/vm/index.js';
import { Signal } from '../../src/virtio/signal.js';
import { newCard, runningCard, type Card } from '../support/netDriver.js';
import { FakeLine } from '../vm/lines.js';

/** A guest without a machine: its console is a line that a test speaks on, and its commands do what a test says. */
export function fakeGuest(run: (command: string, options: RunOptions) => Promise<Partial<RunResult>>) {
  const line = new FakeLine();
  const console = new GuestConsole(line);
  const guest = {
    console,
    run: async (command: string, options: RunOptions = {}) => ({
      status: 0,
      output: '',
      ...(await run(command, options)),
    }),
    shell: { interactive: () => Promise.resolve() },
    bootMs: 812.4,
    fromSnapshot: true,
    stop: () => Promise.resolve(),
  };
  return { line, console, guest: guest as unknown as Guest };
}

/** A station for a card that is connected to nothing but the tests' wire, and a port of a loopback that it does not use. */
function station(number: number, { card, pci }: Card, plan: Partial<CardPlan> = {}) {
  const name = `guest ${number}`;
  const port = backends.loopback().addPort(name);
  const { guest, line, console } = fakeGuest(() => Promise.resolve({}));
  const plugged = {
    device: card,
    function: pci,
    slot: 2,
    onUnplugged: new Signal<void>(),
    unplug: () => Promise.resolve(),
  };
  const notes: string[] = [];
  const mac = '52:54:00:12:34:56';
  const around = new StationCard(plugged, port, { card: { name, mac }, ...plan }, (text) => notes.push(text));
  const cards: GuestCards = {
    plug: () => Promise.resolve(plugged.slot),
    status: () => Promise.resolve(around.status()),
    unplug: () => Promise.resolve(),
  };
  return { station: new Station(number, { guest, cards }, plugged.slot), port, line, console, notes };
}

/** A station whose card has a driver of the tests. */
export function fakeStation(number = 1) {
  const parts = runningCard({ queuePairs: 2 });
  return { ...parts, ...station(number, parts) };
}

/** A station whose card's driver, of the tests, is watched from its middle on. */
export function watchedStation(number = 1) {
  const parts = runningCard({ queuePairs: 2 });
  return { ...parts, ...station(number, parts, { checkDriver: true }) };
}

/** A station whose card no driver has touched. */
export function idleStation(number = 1) {
  const parts = newCard({ queuePairs: 2 });
  return { ...parts, ...station(number, parts) };
}
