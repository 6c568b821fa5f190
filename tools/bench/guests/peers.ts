import { Switch } from '../../../src/fabric/index.js';
import { attachVirtioNet, systemClock, type VirtioNetOptions } from '../../../src/hosts/v86/index.js';
import { machineFiles, startGuests, startWorkerGuests, v86Module } from '../../../src/vm/index.node.js';
import { output, type Link, type Machine } from './machine.js';
import { bootWithV86Card, joinV86Cards, type V86CardType } from './v86Card.js';

/** One of those that are compared. */
export interface Peer {
  readonly name: string;
  /** Why it can't be had here; undefined when it can. */
  obstacle?(): Promise<string | undefined>;
  start(): Promise<Link>;
}

/** The same for all: what v86's card has, and Ethernet's. */
const mtu = 1500;
const queuePairs = 4;

export const peers: readonly Peer[] = [
  { name: 'virtio-mq', start: () => startVirtioMq() },
  { name: 'virtio-mq-segmented', start: () => startVirtioMq(withoutReceiveOffloads) },
  { name: 'virtio-mq-workers', start: startWorkers },
  { name: 'v86-virtio', start: () => startV86('virtio') },
  { name: 'v86-ne2k', start: () => startV86('ne2k') },
  { name: 'loopback', start: startLoopback },
];

/** A receiver for which the switch has to cut every large packet, and to fill in every checksum. */
const withoutReceiveOffloads = { VIRTIO_NET_F_GUEST_CSUM: false };

/** @param features of the server's card */
async function startVirtioMq(features: VirtioNetOptions['features'] = {}): Promise<Link> {
  const guests = await startGuests({ count: 2 });
  const fabric = new Switch({ clock: systemClock });
  const cards = guests.map(({ emulator }, index) => {
    const port = fabric.addPort(`guest ${index + 1}`);
    return attachVirtioNet(emulator, { mtu, queuePairs, port, ...(index === 1 && { features }) });
  });
  await Promise.all(guests.map((guest) => output(guest, 'echo 1 >/sys/bus/pci/rescan')));
  const link = await addressed(guests);
  await Promise.all(guests.map((guest) => output(guest, `ethtool -L eth0 combined ${queuePairs}`)));
  const lost = (): number =>
    drops([
      ...fabric.counters().ports.flatMap(({ lanes }) => lanes),
      ...cards.flatMap(({ device }) => device.counters),
    ]);
  return Object.keys(features).length > 0 ? { ...link, lost } : link;
}

function drops(lanes: readonly { dropped: object }[]): number {
  return lanes.flatMap(({ dropped }) => Object.values(dropped) as number[]).reduce((sum, count) => sum + count, 0);
}

/** Each guest in a worker of its own. */
async function startWorkers(): Promise<Link> {
  const guests = await startWorkerGuests({ count: 2, lanes: queuePairs });
  const cards = await Promise.all(guests.map((guest) => guest.addCard({ mtu, queuePairs })));
  const link = await addressed(guests);
  await Promise.all(guests.map((guest) => output(guest, `ethtool -L eth0 combined ${queuePairs}`)));
  const lost = async (): Promise<number> => {
    const lanes = (await Promise.all(cards.map((card) => card.report()))).flatMap((report) => report.lanes);
    const links = (await Promise.all(guests.map((guest) => guest.links()))).flat();
    return drops([...lanes, ...links]);
  };
  return { ...link, lost };
}

async function startV86(type: V86CardType): Promise<Link> {
  const files = await machineFiles({}, {});
  const wasm = await v86Module();
  const boot = () => bootWithV86Card(type, files, wasm);
  const guests = await Promise.all([boot(), boot()]);
  joinV86Cards(guests[0].emulator, guests[1].emulator);
  return addressed(guests);
}

async function startLoopback(): Promise<Link> {
  const [machine] = await startGuests({ count: 1 });
  const lo = { machine, name: 'lo' };
  return { client: machine, address: '127.0.0.1', interfaces: [lo, lo] };
}

/** Gives the guests their addresses. Without IPv6 there is no traffic but what is measured. */
async function addressed(guests: readonly Machine[]): Promise<Link> {
  const address = (index: number): string => `10.0.0.${index + 1}`;
  const setUp = guests.map((guest, index) =>
    output(
      guest,
      `for i in 1 2 3 4 5; do [ -e /sys/class/net/eth0 ] && break; sleep 1; done
      echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
      ip address add ${address(index)}/24 dev eth0 && ip link set eth0 mtu ${mtu} up`,
    ),
  );
  await Promise.all(setUp);
  const interfaces = guests.map((machine) => ({ machine, name: 'eth0' }));
  return { client: guests[0], address: address(1), interfaces };
}
