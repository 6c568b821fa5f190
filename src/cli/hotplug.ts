import { bringUp, UserError, type WorkerCardOptions } from '../vm/index.node.js';
import type { Station } from './network.js';
import type { CardPlan, GuestCards } from './stations/plan.js';

/** What a second card is like, apart from its name and address. */
export interface SecondCardPlan extends Pick<CardPlan, 'conditions'> {
  readonly card: WorkerCardOptions;
}

/** What `vmq boot --hotplug --json` tells of a card that a guest gained and lost. */
export interface HotplugReport {
  /** Guests count from 1. */
  readonly guest: number;
  /** What the guest called it. */
  readonly interfaceName: string;
  readonly ip: string;
  /** Milliseconds from the plug until the interface was up. */
  readonly plugMs: number;
  /** Milliseconds from the request until the guest had given the card up; undefined for a guest that ended before. */
  readonly unplugMs: number | undefined;
}

/** A second card, which a guest gains while it runs. */
export class SecondCard {
  readonly guest: number;
  readonly ip: string;
  readonly plugMs: number;
  /** What the guest calls it. */
  readonly interfaceName: string;
  private readonly cards: GuestCards;
  private readonly slot: number;
  private readonly ended: Promise<unknown>;

  private constructor(station: Station, slot: number, interfaceName: string, plugMs: number) {
    this.ended = station.guest.console.ended;
    this.guest = station.number;
    this.ip = secondAddress(station);
    this.cards = station.cards;
    this.slot = slot;
    this.interfaceName = interfaceName;
    this.plugMs = plugMs;
  }

  /** Plugs a card into a guest that runs, and waits until it has an interface for it. */
  static async plug(station: Station, plan: SecondCardPlan, signal: AbortSignal): Promise<SecondCard> {
    const { guest, cards, number } = station;
    const started = performance.now();
    const up = bringUp(guest, `${secondAddress(station)}/24`, signal);
    const card = { ...plan.card, name: `guest ${number}, second card`, mac: secondMac(station) };
    const slot = await cards.plug({ ...plan, card });
    const interfaceName = await up(slot);
    return new SecondCard(station, slot, interfaceName, performance.now() - started);
  }

  /** Has the guest give the card up. @throws UserError when it does not */
  async unplug(): Promise<HotplugReport> {
    const { guest, interfaceName, ip, plugMs } = this;
    const started = performance.now();
    const given = this.cards.unplug(this.slot).catch((error: unknown) => {
      // From a worker it comes without its class.
      throw error instanceof Error && error.name === 'UnplugError' ? new UserError(error.message) : error;
    });
    const left = await Promise.race([given.then(() => true), this.ended.then(() => false)]);
    const unplugMs = left ? Math.round(performance.now() - started) : undefined;
    return { guest, interfaceName, ip, plugMs: Math.round(plugMs), unplugMs };
  }
}

function secondAddress({ number }: Station): string {
  return `10.0.1.${number}`;
}

/** The address of a second card. */
function secondMac({ number }: Station): string {
  return `52:54:00:00:01:${number.toString(16).padStart(2, '0')}`;
}

/** In one line: "guest 1 gained eth1 in 0.6 s and lost it in 0.4 s". */
export function hotplugSummary(cards: readonly HotplugReport[]): string {
  const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;
  const each = cards.map(({ guest, interfaceName, plugMs, unplugMs }) => {
    const end = unplugMs === undefined ? 'ended with it' : `lost it in ${seconds(unplugMs)}`;
    return `guest ${guest} gained ${interfaceName} in ${seconds(plugMs)} and ${end}`;
  });
  return each.join(', ');
}
