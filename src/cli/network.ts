import { attachVirtioNet, type VirtioNetCard } from '../hosts/v86/attach.js';
import { pciBusOf } from '../hosts/v86/pciBus.js';
import { dropReasons, type DropReason, type LaneCounters } from '../net/index.js';
import { startGuests, UserError, type Guest, type StartOptions } from '../vm/index.node.js';
import { backends, patience, type Backend, type BackendName, type BackendPort } from './backends.js';
import { FaultLog } from './faults.js';
import type { Progress } from './progress.js';

export interface NetworkOptions extends Pick<
  StartOptions,
  'memoryMiB' | 'kernel' | 'initrd' | 'image' | 'commandLine'
> {
  readonly guests: number;
  /** Queue pairs of each card. */
  readonly queuePairs: number;
  readonly backend: BackendName;
  readonly mtu?: number | undefined;
}

/** A guest with its card and its address. */
export class Station {
  /** Guests count from 1. */
  readonly number: number;
  readonly guest: Guest;
  readonly card: VirtioNetCard;
  readonly faults = new FaultLog();
  private readonly port: BackendPort;

  constructor(number: number, guest: Guest, card: VirtioNetCard, port: BackendPort) {
    this.number = number;
    this.guest = guest;
    this.card = card;
    this.port = port;
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
  /** Stops all guests at once. */
  readonly stop: () => Promise<void>;

  private constructor(stations: readonly Station[], stop: () => Promise<void>) {
    this.stations = stations;
    this.stop = stop;
  }

  /**
   * Starts the guests, plugs in their cards and gives each eth0 its address.
   * @throws UserError when what is asked for cannot be booted, or a guest has no driver for its card
   * @throws GuestTimeout, GuestEnded when a guest does not come up
   */
  static async start(options: NetworkOptions, progress: Progress, signal: AbortSignal): Promise<Network> {
    const guests = await startGuests({
      ...options,
      count: options.guests,
      signal,
      onProgress: ({ step, fraction }) => progress.step(step, fraction),
    });
    const backend = backends[options.backend]();
    const stop = (): Promise<void> => stopAll(guests, backend);
    try {
      progress.step('plugging in the cards');
      const stations = guests.map((guest, index) => plugIn(guest, index + 1, backend, options, progress));
      await Promise.all(stations.map((station) => bringUp(station, signal)));
      return new Network(stations, stop);
    } catch (error) {
      await stop();
      throw error;
    }
  }
}

async function stopAll(guests: readonly Guest[], backend: Backend): Promise<void> {
  backend.close();
  await Promise.all(guests.map((guest) => guest.stop()));
}

function address(number: number): string {
  return `10.0.0.${number}`;
}

function plugIn(
  guest: Guest,
  number: number,
  backend: Backend,
  { queuePairs, mtu }: NetworkOptions,
  progress: Progress,
): Station {
  const port = backend.addPort(`guest ${number}`);
  const mac = `52:54:00:00:00:${number.toString(16).padStart(2, '0')}`;
  const card = attachVirtioNet(guest.emulator, {
    ...{ port, mac, queuePairs, mtu, deadline: patience },
    name: `guest ${number}`,
  });
  const station = new Station(number, guest, card, port);
  card.function.onFault.on((event) => {
    if (!station.faults.add(event)) return;
    const consequence = event.needsReset ? ' The card waits for its driver to reset it.' : '';
    progress.note(`The driver of guest ${number} broke a rule: ${event.fault.message}.${consequence}`);
  });
  pciBusOf(guest.emulator).onError.on(({ error }) =>
    progress.note(`In the machine of guest ${number}: ${error.message}`),
  );
  return station;
}

/**
 * A shell command that has the guest look for its card, waits until the driver has made eth0 of it, gives that its address
 * and waits until it is up. It starts few programs, as each takes a guest that was just restored some time.
 */
function setUp(ip: string): string {
  return `
    eth0=/sys/class/net/eth0
    tries=0
    again() { [ $((tries += 1)) -le 200 ] && sleep 0.05; }
    echo 1 >/sys/bus/pci/rescan
    [ -e $eth0 ] || modprobe -a virtio_pci virtio_net
    until [ -e $eth0 ]; do again || exit; done
    ifconfig eth0 ${ip} netmask 255.255.255.0 up || exit
    until read state <$eth0/operstate && [ "$state" = up ]; do again || exit; done
  `;
}

async function bringUp({ guest, number, ip }: Station, signal: AbortSignal): Promise<void> {
  const { status, output } = await guest.run(setUp(ip), { signal });
  if (status === 0) return;
  throw new UserError(
    `Guest ${number} made no eth0 of its card; its kernel needs the modules virtio_pci and virtio_net. ${output.trim()}`.trim(),
  );
}
