import { Switch } from '../../../src/fabric/index.js';
import { attachVirtioNet, systemClock, type VirtioNetOptions } from '../../../src/hosts/v86/index.js';
import {
  cardReport,
  machineFiles,
  startGuests,
  startWorkerGuests,
  v86Module,
  type CardReport,
} from '../../../src/vm/index.node.js';
import type { V86CardType } from '../../../src/vm/emulator.js';
import { benchImage } from './image.js';
import { addressed, mtu, queuePairs } from './links.js';
import { output, useQueues, type Link } from './machine.js';
import { watchHere, watchWorkers } from './probe.js';
import { qemuObstacle, qemuTapObstacle, startQemuSocket, startQemuTap } from './qemuPeers.js';
import { bootWithV86Card, joinV86Cards } from './v86Card.js';

/** One of those that are compared. */
export interface Peer {
  readonly name: string;
  /** Why it can't be had here; undefined when it can. */
  obstacle?(): Promise<string | undefined>;
  start(): Promise<Link>;
}

export const peers: readonly Peer[] = [
  { name: 'virtio-mq', start: () => startVirtioMq() },
  { name: 'virtio-mq-segmented', start: () => startVirtioMq(withoutReceiveOffloads) },
  { name: 'virtio-mq-workers', start: startWorkers },
  { name: 'v86-virtio', start: () => startV86('virtio') },
  { name: 'v86-ne2k', start: () => startV86('ne2k') },
  { name: 'qemu-socket', obstacle: qemuObstacle, start: startQemuSocket },
  { name: 'qemu-tap', obstacle: qemuTapObstacle, start: startQemuTap },
  { name: 'loopback', start: startLoopback },
];

export function peersNamed(names: readonly string[]): readonly Peer[] {
  return peers.filter(({ name }) => names.includes(name));
}

/** A receiver for which the switch has to cut every large packet, and to fill in every checksum. */
const withoutReceiveOffloads = { VIRTIO_NET_F_GUEST_CSUM: false };

/** @param features of the server's card */
async function startVirtioMq(features: VirtioNetOptions['features'] = {}): Promise<Link> {
  const guests = await startGuests({ count: 2, image: benchImage });
  const fabric = new Switch({ clock: systemClock });
  const cards = guests.map(({ emulator }, index) => {
    const port = fabric.addPort(`guest ${index + 1}`);
    return attachVirtioNet(emulator, { mtu, queuePairs, port, ...(index === 1 && { features }) });
  });
  await Promise.all(guests.map((guest) => output(guest, 'echo 1 >/sys/bus/pci/rescan')));
  const link = await addressed(guests);
  await useQueues(link, queuePairs);
  const lost = (): number =>
    drops([
      ...fabric.counters().ports.flatMap(({ lanes }) => lanes),
      ...cards.flatMap(({ device }) => device.counters),
    ]);
  const notifications = (): Promise<number> => Promise.resolve(notificationsOf(cards.map(cardReport)));
  const ours = { ...link, notifications, watch: watchHere };
  return Object.keys(features).length > 0 ? { ...ours, lost } : ours;
}

function drops(lanes: readonly { dropped: object }[]): number {
  return lanes.flatMap(({ dropped }) => Object.values(dropped) as number[]).reduce((sum, count) => sum + count, 0);
}

function notificationsOf(reports: readonly CardReport[]): number {
  return reports.reduce((sum, { notifications }) => sum + notifications, 0);
}

/** The package's own worker, which can be watched from inside. */
const workerScript = new URL('./guests.worker.js', import.meta.url);

/** Each guest in a worker of its own. */
async function startWorkers(): Promise<Link> {
  const guests = await startWorkerGuests({ count: 2, lanes: queuePairs, image: benchImage, script: workerScript });
  const cards = await Promise.all(guests.map((guest) => guest.addCard({ mtu, queuePairs })));
  const link = await addressed(guests);
  await useQueues(link, queuePairs);
  const reports = (): Promise<CardReport[]> => Promise.all(cards.map((card) => card.report()));
  const lost = async (): Promise<number> => {
    const lanes = (await reports()).flatMap((report) => report.lanes);
    const links = (await Promise.all(guests.map((guest) => guest.links()))).flat();
    return drops([...lanes, ...links]);
  };
  return {
    ...link,
    lost,
    notifications: async () => notificationsOf(await reports()),
    watch: (during) => watchWorkers(guests.length, during),
  };
}

async function startV86(type: V86CardType): Promise<Link> {
  const files = await machineFiles({}, benchImage);
  const wasm = await v86Module();
  const boot = () => bootWithV86Card(type, files, wasm);
  const guests = await Promise.all([boot(), boot()]);
  joinV86Cards(guests[0].emulator, guests[1].emulator);
  return addressed(guests);
}

async function startLoopback(): Promise<Link> {
  const [machine] = await startGuests({ count: 1, image: benchImage });
  const lo = { machine, name: 'lo' };
  return { client: machine, address: '127.0.0.1', interfaces: [lo, lo] };
}
