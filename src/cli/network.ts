import { systemClock } from '../hosts/v86/index.js';
import { bringUp, type RunningGuest, type StartOptions } from '../vm/index.node.js';
import { patience, type BackendName } from './backends.js';
import type { CaptureWish, RunningCapture } from './capture.js';
import type { GuestFault } from './faultOption.js';
import type { NetFeatureWishes } from './featureWishes.js';
import { guestAddress, guestMac } from '../vm/guestAddress.js';
import { SecondCard } from './hotplug.js';
import { linkOf, type GuestLink } from './linkOption.js';
import { openPorts, type OuterPort, type PortWish } from './ports.js';
import type { Progress } from './progress.js';
import { inWorkers } from './stations/inWorkers.js';
import { oneThread } from './stations/oneThread.js';
import type { Place, Seat } from './stations/place.js';
import type { CardStatus, GuestCards } from './stations/plan.js';

export interface NetworkOptions extends Pick<
  StartOptions,
  'memoryMiB' | 'kernel' | 'initrd' | 'image' | 'commandLine'
> {
  readonly guests: number;
  /** The number of the first; 1 when left out. */
  readonly first?: number | undefined;
  /** Each guest has a worker of its own; the backend is the switch then. */
  readonly workers?: boolean | undefined;
  /** Queue pairs of each card. */
  readonly queuePairs: number;
  readonly backend: BackendName;
  /** Where it is left out, the least of the outer ports, if there are any. */
  readonly mtu?: number | undefined;
  /** The ways out of the process that the switch has. */
  readonly ports?: readonly PortWish[] | undefined;
  /** Features that the cards offer (true), or don't (false), other than by default. */
  readonly features?: NetFeatureWishes | undefined;
  /** Cards have a legacy interface too. */
  readonly transitional?: boolean | undefined;
  /** Each card's driver is watched, for the statements of the specification that it breaks. */
  readonly checkDriver?: boolean | undefined;
  /** What the links of the cards are like. */
  readonly links?: readonly GuestLink[] | undefined;
  /** How the cards misbehave. */
  readonly faults?: readonly GuestFault[] | undefined;
}

/** What is known of a station, as plain data. */
export interface StationReport extends CardStatus {
  readonly number: number;
  readonly ip: string;
  /** Milliseconds from its start until its shell answered. */
  readonly bootMs: number;
  readonly fromSnapshot: boolean;
}

/** A guest with its card and its address. */
export class Station {
  readonly number: number;
  readonly guest: RunningGuest;
  readonly cards: GuestCards;
  private readonly slot: number;

  /** @param slot of its card */
  constructor(number: number, { guest, cards }: Seat, slot: number) {
    this.number = number;
    this.guest = guest;
    this.cards = cards;
    this.slot = slot;
  }

  get ip(): string {
    return guestAddress(this.number);
  }

  async report(): Promise<StationReport> {
    const { number, ip, guest, cards, slot } = this;
    const { bootMs, fromSnapshot } = guest;
    return { number, ip, bootMs, fromSnapshot, ...(await cards.status(slot)) };
  }
}

/** Guests with one card each, all connected by the same backend. */
export class Network {
  readonly stations: readonly Station[];
  /** The ways out of the process. */
  readonly ports: readonly OuterPort[];
  /** Of all that passes the ports. */
  readonly capture: RunningCapture | undefined;
  /** Ends the capture, and stops all guests at once. */
  readonly stop: () => Promise<void>;
  private readonly options: NetworkOptions;

  private constructor(
    stations: readonly Station[],
    ports: readonly OuterPort[],
    options: NetworkOptions,
    capture: RunningCapture | undefined,
    stop: () => Promise<void>,
  ) {
    this.stations = stations;
    this.ports = ports;
    this.options = options;
    this.capture = capture;
    this.stop = stop;
  }

  reports(): Promise<StationReport[]> {
    return Promise.all(this.stations.map((station) => station.report()));
  }

  /** Has each guest gain a second card, like its first. */
  plugSecondCards(signal: AbortSignal): Promise<SecondCard[]> {
    return Promise.all(
      this.stations.map((station) => {
        const conditions = linkOf(this.options.links ?? [], station.number);
        return SecondCard.plug(station, { card: cardOptions(this.options), conditions }, signal);
      }),
    );
  }

  /**
   * Starts the guests, plugs in their cards and gives each eth0 its address. A capture has all that passes their ports.
   * @throws UserError when what is asked for cannot be booted, or a guest has no driver for its card
   * @throws GuestTimeout, GuestEnded when a guest does not come up
   */
  static async start(
    asked: NetworkOptions,
    progress: Progress,
    signal: AbortSignal,
    captureWish?: CaptureWish,
  ): Promise<Network> {
    const { first = 1, queuePairs, guests: count } = asked;
    const place: Place = asked.workers ? inWorkers(captureWish) : oneThread(asked.backend, captureWish);
    const { fabric, capture } = place;
    const note = (text: string): void => progress.note(text);
    const pairs = new PairsInUse();
    let seats: readonly Seat[] = [];
    const stop = async (): Promise<void> => {
      captureWish?.sink.giveUp();
      await capture?.close();
      fabric.close();
      await Promise.all(pairs.ports.map((port) => port.close()));
      await Promise.all(seats.map(({ guest }) => guest.stop()));
    };
    try {
      // They open before the guests start, as there may be something wrong with them.
      pairs.ports = await openPorts(asked.ports ?? [], { fabric, clock: systemClock, queuePairs, note });
      const { ports } = pairs;
      const options = { ...asked, mtu: asked.mtu ?? leastMtu(ports) };
      seats = await place.start({
        ...options,
        ...{ count, first, signal, hasPorts: ports.length > 0 },
        events: (guest) => ({ note, pairs: (inUse) => pairs.set(guest, inUse) }),
        onProgress: ({ step, fraction }) => progress.step(step, fraction),
      });
      captureWish?.sink.begin();
      progress.step('plugging in the cards');
      const stations = await Promise.all(
        seats.map((seat, index) => plugIn(seat, first + index, options, progress, signal)),
      );
      return new Network(stations, ports, options, capture, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }
}

/** Has ports use as many lanes as the guest with the most queue pairs does, whenever that changes. */
class PairsInUse {
  ports: readonly OuterPort[] = [];
  private readonly byGuest = new Map<number, number>();

  set(guest: number, pairs: number): void {
    this.byGuest.set(guest, pairs);
    const most = Math.max(...this.byGuest.values());
    for (const port of this.ports) port.useLanes?.(most);
  }
}

/** The largest packet that all ports carry; undefined where they carry any. */
function leastMtu(ports: readonly OuterPort[]): number | undefined {
  const least = Math.min(...ports.map(({ mtu = Infinity }) => mtu));
  return least === Infinity ? undefined : least;
}

/** What all cards of a network are like. */
function cardOptions({ queuePairs, mtu, features, transitional }: NetworkOptions) {
  return { queuePairs, mtu, features, transitional, deadline: patience };
}

/** Plugs a card into a guest and waits until its eth0 is up. */
async function plugIn(
  seat: Seat,
  number: number,
  options: NetworkOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Station> {
  const { faults: asked = [], links = [], checkDriver } = options;
  const faults = asked
    .filter((plan) => (plan.guest ?? number) === number)
    .map(({ fault, when }) => ({ fault, ...(when && { when }) }));
  const mac = guestMac(number);
  const card = { ...cardOptions(options), name: `guest ${number}`, mac };
  const { guest, cards } = seat;
  guest.onProblem.on(({ message }) => progress.note(`In the machine of guest ${number}: ${message}`));
  const up = bringUp(guest, `${guestAddress(number)}/24`, signal);
  const slot = await cards.plug({ card, conditions: linkOf(links, number), faults, checkDriver });
  await up(slot).catch((error: unknown) => {
    if (faults.length === 0 || signal.aborted || !(error instanceof Error)) throw error;
    progress.note(`Guest ${number} could not bring up its misbehaving card: ${error.message}`);
  });
  return new Station(number, seat, slot);
}
