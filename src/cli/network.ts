import type { VirtioNetCard } from '../hosts/v86/attach.js';
import type { Capture } from '../fabric/index.js';
import { systemClock } from '../hosts/v86/index.js';
import { pciBusOf } from '../hosts/v86/pciBus.js';
import { checkDriver, type DriverChecker } from '../lab/checker/index.js';
import { injectFaults, type FaultCount, type FaultInjection } from '../lab/faults/index.js';
import { dropReasons, type DropReason, type LaneCounters } from '../net/index.js';
import { startGuests, type CardOptions, type Guest, type StartOptions } from '../vm/index.node.js';
import { captured } from './capture.js';
import { backends, patience, type Backend, type BackendName, type BackendPort } from './backends.js';
import type { GuestFault } from './faultOption.js';
import { FaultLog } from './faults.js';
import type { NetFeatureWishes } from './featureWishes.js';
import { SecondCard, secondMac } from './hotplug.js';
import { linkOf, type GuestLink } from './linkOption.js';
import { conditioned } from './links.js';
import { openPorts, type OuterPort, type PortWish } from './ports.js';
import type { Progress } from './progress.js';

export interface NetworkOptions extends Pick<
  StartOptions,
  'memoryMiB' | 'kernel' | 'initrd' | 'image' | 'commandLine'
> {
  readonly guests: number;
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

/** A guest with its card and its address. */
export class Station {
  /** Guests count from 1. */
  readonly number: number;
  readonly guest: Guest;
  readonly card: VirtioNetCard;
  /** The rules that its driver broke. */
  readonly faults: FaultLog;
  /** Who watches its driver, if anybody does. */
  readonly checker: DriverChecker | undefined;
  private readonly port: BackendPort;
  private readonly injection: FaultInjection | undefined;

  constructor(
    number: number,
    guest: Guest,
    card: VirtioNetCard,
    port: BackendPort,
    faults: FaultLog,
    { checker, injection }: { checker?: DriverChecker | undefined; injection?: FaultInjection | undefined } = {},
  ) {
    this.number = number;
    this.guest = guest;
    this.card = card;
    this.port = port;
    this.faults = faults;
    this.checker = checker;
    this.injection = injection;
  }

  /** The faults of the card that were asked for, and how often each happened. */
  get injected(): readonly FaultCount[] {
    return this.injection?.counts ?? [];
  }

  get ip(): string {
    return address(this.number);
  }

  /** What passed each queue pair; frames that the fabric dropped on their way are among those dropped here. */
  get lanes(): LaneCounters[] {
    const fabric = this.port.counters().lanes;
    return this.card.device.counters.map((lane, pair) => {
      const sum = (reason: DropReason): number => (lane.dropped[reason] ?? 0) + (fabric[pair]?.dropped[reason] ?? 0);
      const reasons = (Object.keys(dropReasons) as DropReason[]).filter((reason) => sum(reason) > 0);
      return { ...lane, dropped: Object.fromEntries(reasons.map((reason) => [reason, sum(reason)])) };
    });
  }
}

/** Guests with one card each, all connected by the same backend. */
export class Network {
  readonly stations: readonly Station[];
  /** The ways out of the process. */
  readonly ports: readonly OuterPort[];
  /** Stops all guests at once. */
  readonly stop: () => Promise<void>;

  private readonly backend: Backend;

  private readonly options: NetworkOptions;

  private constructor(
    stations: readonly Station[],
    ports: readonly OuterPort[],
    backend: Backend,
    options: NetworkOptions,
    stop: () => Promise<void>,
  ) {
    this.stations = stations;
    this.ports = ports;
    this.backend = backend;
    this.options = options;
    this.stop = stop;
  }

  /** Has each guest gain a second card, like its first. */
  plugSecondCards(signal: AbortSignal): Promise<SecondCard[]> {
    const { queuePairs, mtu, features, transitional } = this.options;
    return Promise.all(
      this.stations.map((station) => {
        const port = this.backend.addPort(`guest ${station.number}, second card`, {
          mac: secondMac(station),
          conditions: linkOf(this.options.links ?? [], station.number),
        });
        return SecondCard.plug(station, { port, queuePairs, mtu, features, transitional, signal });
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
    capture?: Capture,
  ): Promise<Network> {
    const plain = backends[asked.backend]();
    const linked = asked.links ? conditioned(plain) : plain;
    const backend = capture ? captured(linked, capture) : linked;
    const note = (text: string): void => progress.note(text);
    // They open before the guests start, as there may be something wrong with them.
    const ports = await openPorts(asked.ports ?? [], {
      fabric: backend,
      clock: systemClock,
      queuePairs: asked.queuePairs,
      note,
    });
    const options = { ...asked, mtu: asked.mtu ?? leastMtu(ports) };
    let guests: readonly Guest[] = [];
    const stop = (): Promise<void> => stopAll(guests, backend, ports);
    try {
      guests = await startGuests({
        ...options,
        count: options.guests,
        signal,
        onProgress: ({ step, fraction }) => progress.step(step, fraction),
      });
      progress.step('plugging in the cards');
      const stations = await Promise.all(
        guests.map((guest, index) => plugIn(guest, index + 1, backend, options, progress, signal)),
      );
      followPairs(stations, ports);
      return new Network(stations, ports, backend, options, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }
}

async function stopAll(guests: readonly Guest[], backend: Backend, ports: readonly OuterPort[]): Promise<void> {
  backend.close();
  await Promise.all(ports.map((port) => port.close()));
  await Promise.all(guests.map((guest) => guest.stop()));
}

/** Has ports use as many lanes as the guest with the most queue pairs does, now and whenever that changes. */
function followPairs(stations: readonly Station[], ports: readonly OuterPort[]): void {
  const follow = (): void => {
    const most = Math.max(...stations.map(({ card }) => card.device.lanes));
    for (const port of ports) port.useLanes?.(most);
  };
  for (const { card } of stations) card.device.onQueuePairs.on(follow);
  follow();
}

/** The largest packet that all ports carry; undefined where they carry any. */
function leastMtu(ports: readonly OuterPort[]): number | undefined {
  const least = Math.min(...ports.map(({ mtu = Infinity }) => mtu));
  return least === Infinity ? undefined : least;
}

function address(number: number): string {
  return `10.0.0.${number}`;
}

/** Plugs a card into a guest and waits until its eth0 is up. */
async function plugIn(
  guest: Guest,
  number: number,
  backend: Backend,
  { queuePairs, mtu, features, transitional, checkDriver: watched, faults: asked = [], links = [] }: NetworkOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Station> {
  const plans = asked.filter((plan) => (plan.guest ?? number) === number);
  let misbehaving: { card: VirtioNetCard; injection: FaultInjection } | undefined;
  const mac = `52:54:00:00:00:${number.toString(16).padStart(2, '0')}`;
  const port = backend.addPort(`guest ${number}`, { mac, conditions: linkOf(links, number) });
  const faults = new FaultLog();
  let checker: DriverChecker | undefined;
  pciBusOf(guest.emulator).onError.on(({ error }) =>
    progress.note(`In the machine of guest ${number}: ${error.message}`),
  );
  const options: CardOptions = {
    ...{ port, queuePairs, mtu, features, transitional, signal, deadline: patience },
    name: `guest ${number}`,
    mac,
    address: `${address(number)}/24`,
    onAttach: (attached) => {
      if (plans.length > 0) misbehaving = { card: attached, injection: injectFaults(attached, plans, systemClock) };
      // Behind the faults, so that it sees what the driver sees.
      if (watched) checker = checkDriver(attached.function);
      attached.function.onFault.on((event) => {
        if (!faults.add(event)) return;
        const consequence = event.needsReset ? ' The card waits for its driver to reset it.' : '';
        progress.note(`The driver of guest ${number} broke a rule: ${event.fault.message}.${consequence}`);
      });
    },
  };
  const card = await guest.addCard(options).catch((error: unknown) => {
    if (!misbehaving || signal.aborted || !(error instanceof Error)) throw error;
    progress.note(`Guest ${number} could not bring up its misbehaving card: ${error.message}`);
    return misbehaving.card;
  });
  return new Station(number, guest, card, port, faults, { checker, injection: misbehaving?.injection });
}
