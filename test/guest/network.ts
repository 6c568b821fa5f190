import { Switch } from '../../src/fabric/index.js';
import { systemClock } from '../../src/hosts/v86/index.js';
import type { FaultEvent } from '../../src/pci/index.js';
import {
  startGuests,
  type CardOptions,
  type Guest,
  type GuestCard,
  type StartOptions,
} from '../../src/vm/index.node.js';

/** Guests on one switch, each with a card at 10.0.0.1, 10.0.0.2, …; what the tests boot. */
export interface Network {
  readonly guests: readonly Guest[];
  readonly cards: readonly GuestCard[];
  readonly fabric: Switch;
  /** Every rule that a driver broke. */
  readonly faults: FaultEvent[];
  /**
   * The same as text, but for the one that Linux's driver may break whenever the pairs in use become fewer: for a moment it
   * still sends on those that it took out of use.
   */
  brokenRules(): string[];
  /** Runs a command in guest 1, 2, … and answers its output. @throws Error when its status is not 0 */
  ok(guest: number, command: string, timeoutMs?: number): Promise<string>;
  /** Runs a command and answers its status, whatever that is. */
  status(guest: number, command: string): Promise<number>;
  /** Frames lost, by port and reason; empty when none was. */
  drops(): string[];
  stop(): Promise<void>;
}

export interface NetworkOptions extends StartOptions {
  /** The options of each guest's card; guests count from 1. */
  readonly card?: CardOptions | ((guest: number) => CardOptions);
}

export async function startNetwork(options: NetworkOptions = {}): Promise<Network> {
  const { card: cardOptions = {}, ...startOptions } = options;
  const guests = await startGuests(startOptions);
  const fabric = new Switch({ clock: systemClock });
  const faults: FaultEvent[] = [];
  const cards: GuestCard[] = [];
  const run = (guest: number, command: string, timeoutMs = 90_000): ReturnType<Guest['run']> =>
    guests[guest - 1].run(command, { timeoutMs });
  for (const [index, guest] of guests.entries()) {
    const port = fabric.addPort(`guest ${index + 1}`);
    const options = typeof cardOptions === 'function' ? cardOptions(index + 1) : cardOptions;
    const card = await guest.addCard({ address: `10.0.0.${index + 1}/24`, ...options, port });
    card.function.onFault.on((event) => faults.push(event));
    cards.push(card);
  }
  return {
    guests,
    cards,
    fabric,
    faults,
    brokenRules: () =>
      faults.filter(({ fault }) => fault.rule !== 'transmit-unused-pair').map(({ fault }) => fault.message),
    async ok(guest, command, timeoutMs) {
      const { status, output } = await run(guest, command, timeoutMs);
      if (status !== 0) throw new Error(`'${command}' ended with status ${status} in guest ${guest}:\n${output}`);
      return output;
    },
    status: async (guest, command) => (await run(guest, command)).status,
    drops: () => [
      ...fabric.counters().ports.flatMap(({ name, lanes }) => lanes.flatMap(({ dropped }) => reasons(name, dropped))),
      ...cards.flatMap(({ device }, i) => device.counters.flatMap((lane) => reasons(`card ${i + 1}`, lane.dropped))),
    ],
    async stop() {
      await Promise.all(guests.map((guest) => guest.stop()));
      fabric.close();
    },
  };
}

function reasons(where: string, dropped: Readonly<Record<string, number>>): string[] {
  return Object.entries(dropped).map(([reason, count]) => `${where}: ${reason} ${count}`);
}

/** A shell command that waits until a program of the guest has this port. */
export function listening(port: number, protocol: 'tcp' | 'udp' = 'tcp'): string {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')} 0`;
  return `until grep -q '${local}' /proc/net/${protocol}; do sleep 0.05; done`;
}

/** A shell command that waits until tcpdump, whose errors go to /tmp/started, sees what passes. */
export const capturing = 'until grep -q listening /tmp/started; do sleep 0.05; done';

/** A shell command that waits until the link of eth0 has this flag, and shows it. */
export function linkShows(flag: 'NO-CARRIER' | 'LOWER_UP'): string {
  return `until ip link show eth0 | grep ${flag}; do sleep 0.05; done`;
}

/** Carries a file of random bytes from one guest to the other; answers whether it arrived as it was. */
export async function copyFile(network: Network, bytes: number, [from, to] = [1, 2]): Promise<boolean> {
  await network.ok(to, `nc -l -p 9000 >/tmp/received </dev/null 2>/dev/null & ${listening(9000)}`);
  await network.ok(from, `head -c ${bytes} /dev/urandom >/tmp/sent && nc -N 10.0.0.${to} 9000 </tmp/sent`, 240_000);
  await network.ok(to, 'i=0; while pidof nc >/dev/null && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.1; done');
  const [sent] = (await network.ok(from, 'sha256sum /tmp/sent')).split(' ');
  const [received] = (await network.ok(to, 'sha256sum /tmp/received')).split(' ');
  await network.ok(from, 'rm /tmp/sent');
  await network.ok(to, 'rm /tmp/received');
  return sent === received;
}

/** How often each of a card's vectors fired, by Linux's names in /proc/interrupts: { 'input.0': 12 }. */
export async function interrupts(network: Network, guest: number, card = 'virtio0'): Promise<Map<string, number>> {
  const table = await network.ok(guest, 'cat /proc/interrupts');
  const rows = table.split('\n').filter((row) => row.includes(` ${card}-`));
  return new Map(rows.map((row) => [row.split(`${card}-`)[1].trim(), Number(/:\s+(\d+)/.exec(row)?.[1])]));
}

/** What came on top of `before`. */
export function since(before: Map<string, number>, after: Map<string, number>): Map<string, number> {
  return new Map(Array.from(after, ([name, count]) => [name, count - (before.get(name) ?? 0)]));
}

/** The sequence 0, 1, … count - 1. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
