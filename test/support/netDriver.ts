import { NetDevice, type NetDeviceOptions } from '../../src/net/index.js';
import { VirtioPciFunction, type FaultEvent } from '../../src/pci/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { TestMachine } from './machine.js';
import { TestMemory } from './memory.js';
import { LegacyDriver } from './legacyDriver.js';
import { MsixDriver } from './msixDriver.js';
import type { Element } from './naiveDriver.js';
import { PciDriver } from './pciDriver.js';
import { TestWire } from './wire.js';

/** Feature bits of the network device (virtio 5.1.3) and of rings (chapter 6). */
export const feature = {
  checksum: 1n << 0n,
  guestChecksum: 1n << 1n,
  controlGuestOffloads: 1n << 2n,
  mtu: 1n << 3n,
  mac: 1n << 5n,
  guestTso4: 1n << 7n,
  guestTso6: 1n << 8n,
  guestEcn: 1n << 9n,
  guestUfo: 1n << 10n,
  hostTso4: 1n << 11n,
  hostTso6: 1n << 12n,
  hostEcn: 1n << 13n,
  hostUfo: 1n << 14n,
  mergeable: 1n << 15n,
  status: 1n << 16n,
  controlQueue: 1n << 17n,
  receiveModes: 1n << 18n,
  vlans: 1n << 19n,
  extraReceiveModes: 1n << 20n,
  announce: 1n << 21n,
  multiqueue: 1n << 22n,
  controlMac: 1n << 23n,
  indirect: 1n << 28n,
  eventIndex: 1n << 29n,
  version1: 1n << 32n,
  packed: 1n << 34n,
  inOrder: 1n << 35n,
  orderPlatform: 1n << 36n,
  notificationData: 1n << 38n,
  notifConfigData: 1n << 39n,
  ringReset: 1n << 40n,
  suspend: 1n << 43n,
  statistics: 1n << 50n,
  hashTunnel: 1n << 51n,
  queueCoalescing: 1n << 52n,
  coalescing: 1n << 53n,
  guestUso4: 1n << 54n,
  guestUso6: 1n << 55n,
  hostUso: 1n << 56n,
  hashReport: 1n << 57n,
  rss: 1n << 60n,
  speedDuplex: 1n << 63n,
} as const;

/** VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO to VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM. */
export const tunnels = 0b1111n << 65n;

/** Length of struct virtio_net_hdr (virtio 5.1.6), but for legacy drivers and with VIRTIO_NET_F_HASH_REPORT. */
export const headerBytes = 12;

/** Memory that is so small that a look at all of it after each access costs little, in bytes. */
const largestWatched = 0x40000;

export interface Packet {
  readonly header: Uint8Array;
  readonly frame: Uint8Array;
  /** Used lengths of the buffers that it came in. */
  readonly lengths: number[];
}

export interface CardOptions extends Partial<NetDeviceOptions> {
  /** Bytes of guest memory. */
  memory?: number;
  /** MSI-X table entries. */
  vectors?: number;
}

/** A card in a machine of its own, with everything a test looks at; no driver has touched it. */
export function newCard(options: CardOptions = {}) {
  const { memory, vectors, ...device } = options;
  const clock = new ManualClock();
  const card = new NetDevice(clock, { mac: '52:54:00:12:34:56', queueSize: 16, ...device });
  const pci = new VirtioPciFunction(card, { vectors });
  const machine = new TestMachine(pci, new TestMemory(memory));
  machine.watching = machine.memory.size <= largestWatched;
  const faults: FaultEvent[] = [];
  pci.onFault.on((event) => faults.push(event));
  return { clock, card, pci, machine, faults, wire: new TestWire(card, machine) };
}
export type Card = ReturnType<typeof newCard>;

export interface DriverOptions {
  /** Features to accept; all that is offered but VIRTIO_NET_F_HASH_REPORT when left out. */
  readonly features?: bigint;
  /** Use INTx instead of MSI-X. */
  readonly intx?: boolean;
  /** Pairs to set up; all when left out. */
  readonly pairs?: number;
  /** Use the legacy interface. */
  readonly legacy?: boolean;
  /** Leave DRIVER_OK out. */
  readonly early?: boolean;
}

/** A driver of network cards, written from virtio 5.1 alone. */
export class NetDriver {
  readonly pci: PciDriver;
  readonly msix: MsixDriver | undefined;
  readonly maxPairs: number;
  /** By head, of every queue: where a buffer's elements lie. */
  private readonly buffers = new Map<string, Element[]>();

  /** Brings the card up: negotiation, all queues with a vector each (vector 0 is for the configuration), DRIVER_OK. */
  constructor(machine: TestMachine, options: DriverOptions = {}) {
    this.pci = options.legacy ? new LegacyDriver(machine) : new PciDriver(machine);
    const { pci } = this;
    const features = options.features ?? pci.offered() & ~(feature.hashReport | tunnels);
    if (!pci.negotiate(features)) throw new Error(`the device refuses features 0x${features.toString(16)}`);
    this.maxPairs = this.has(feature.multiqueue | feature.rss) ? pci.readDevice(8, 2) : 1;
    this.msix = options.intx ? undefined : new MsixDriver(pci).enable();
    if (this.msix) pci.set('configMsixVector', 0);
    const pairs = options.pairs ?? this.maxPairs;
    const queues = Array.from({ length: 2 * pairs }, (_, queue) => queue);
    if (this.has(feature.controlQueue)) queues.push(this.controlQueue);
    for (const queue of queues) pci.setUpQueue(queue, this.msix && { vector: queue + 1 });
    if (!options.early) pci.driverOk();
  }

  /** virtio 5.1.2. */
  get controlQueue(): number {
    return 2 * this.maxPairs;
  }

  /** A legacy header has num_buffers only with mergeable buffers (virtio 5.1.6.1). */
  get headerBytes(): number {
    if (this.has(feature.hashReport)) return headerBytes + 8;
    return this.has(feature.version1 | feature.mergeable) ? headerBytes : 10;
  }

  has(bit: bigint): boolean {
    return (this.pci.features & bit) !== 0n;
  }

  /** Puts a buffer of elements of these lengths, in new memory, on a queue. Answers the elements, or undefined. */
  add(queue: number, readable: readonly number[], writable: readonly number[]): Element[] | undefined {
    const { memory } = this.pci.machine;
    const elements = [...readable, ...writable].map((length, i): Element => {
      // Nothing shares an address, not even an element of length 0: it would hide who is written to.
      return { address: memory.allocate(Math.max(1, length), 1), length, writable: i >= readable.length };
    });
    const head = this.pci.queues[queue].add(elements);
    if (head === undefined) return undefined;
    this.buffers.set(`${queue}:${head}`, elements);
    return elements;
  }

  /** Gives receive buffers, each of elements of the lengths of one row, and tells the device if it wants to know. */
  giveBuffers(pair: number, ...buffers: (readonly number[])[]): boolean {
    for (const lengths of buffers) if (!this.add(2 * pair, [], lengths)) throw new Error('the receive queue is full');
    return this.pci.kick(2 * pair);
  }

  /** The packets that were received since the last time. */
  receive(pair: number): Packet[] {
    const used = this.collect(2 * pair);
    const packets: Packet[] = [];
    const { headerBytes } = this;
    while (used.length > 0) {
      const numBuffers = headerBytes < 12 ? 1 : used[0].bytes[10] | (used[0].bytes[11] << 8);
      if (numBuffers < 1 || numBuffers > used.length) throw new Error(`${numBuffers} buffers of ${used.length}`);
      const parts = used.splice(0, numBuffers).map(({ bytes }) => bytes);
      const all = Uint8Array.from(parts.flatMap((bytes) => [...bytes]));
      packets.push({
        header: all.subarray(0, this.headerBytes),
        frame: all.subarray(this.headerBytes),
        lengths: parts.map((bytes) => bytes.length),
      });
    }
    return packets;
  }

  /** Frames that were received since the last time. */
  frames(pair: number): Uint8Array[] {
    return this.receive(pair).map(({ frame }) => frame);
  }

  /** Puts a packet on a transmit queue; `cuts` are the lengths of all elements but the last. Tells nobody. */
  queuePacket(
    pair: number,
    frame: Uint8Array,
    cuts: readonly number[] = [this.headerBytes],
    header?: Uint8Array,
  ): boolean {
    const { headerBytes } = this;
    const packet = new Uint8Array(headerBytes + frame.length);
    if (header) packet.set(header);
    packet.set(frame, this.headerBytes);
    return this.queueBytes(2 * pair + 1, packet, cuts) !== undefined;
  }

  /** Sends packets in one go. */
  send(pair: number, ...frames: Uint8Array[]): void {
    for (const frame of frames) if (!this.queuePacket(pair, frame)) throw new Error('the transmit queue is full');
    this.pci.kick(2 * pair + 1);
  }

  /** Buffers of a transmit queue that came back since the last time. */
  completed(pair: number): number {
    return this.collect(2 * pair + 1).length;
  }

  /** Sends a command on the control queue. Answers the ack, or undefined when the device has not answered. */
  command(kind: number, command: number, data: readonly number[]): number | undefined {
    return this.query(kind, command, data, 0)?.[0];
  }

  /** Sends a command that has a result. Answers what the device wrote: the ack and the result behind it. */
  query(kind: number, command: number, data: readonly number[], resultLength: number): Uint8Array | undefined {
    const bytes = Uint8Array.from([kind, command, ...data]);
    const elements = this.queueBytes(this.controlQueue, bytes, [2], [1 + resultLength])!;
    this.pci.machine.memory.bytes[elements[elements.length - 1].address] = 0xcc;
    this.pci.kick(this.controlQueue);
    return this.collect(this.controlQueue).at(0)?.bytes;
  }

  /** VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET. */
  setPairs(pairs: number): number | undefined {
    return this.command(4, 0, [pairs & 255, pairs >>> 8]);
  }

  /** Puts bytes on a queue, cut into elements, with writable elements behind. */
  queueBytes(
    queue: number,
    bytes: Uint8Array,
    cuts: readonly number[] = [],
    writable: readonly number[] = [],
  ): Element[] | undefined {
    const lengths = [...cuts, bytes.length - cuts.reduce((sum, length) => sum + length, 0)];
    const elements = this.add(queue, lengths, writable);
    let at = 0;
    for (const element of elements ?? []) {
      if (element.writable) break;
      this.pci.machine.memory.bytes.set(bytes.subarray(at, at + element.length), element.address);
      at += element.length;
    }
    return elements;
  }

  /** The buffers that the device used, each with what the device wrote to it. */
  private collect(queue: number): { bytes: Uint8Array }[] {
    const ring = this.pci.queues[queue];
    const used = ring.collect().map(({ id, length }) => {
      const key = `${queue}:${id}`;
      const elements = this.buffers.get(key)!.filter(({ writable }) => writable);
      this.buffers.delete(key);
      const written = elements.flatMap((element) => [
        ...this.pci.machine.memory.slice(element.address, element.length),
      ]);
      if (length > written.length)
        throw new Error(`the device says that it wrote ${length} of ${written.length} bytes`);
      return { bytes: Uint8Array.from(written.slice(0, length)) };
    });
    ring.wantInterrupt();
    return used;
  }
}

/** A card with a driver that has brought it up. */
export function runningCard(options: CardOptions = {}, driverOptions: DriverOptions = {}) {
  const parts = newCard(options);
  return { ...parts, driver: new NetDriver(parts.machine, driverOptions) };
}
