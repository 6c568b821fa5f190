import type { DropReason } from '../net/link/counters.js';
import { ethernetHeaderBytes, Frame } from '../net/link/frame.js';
import { Sent, type Port } from '../net/link/port.js';
import { read32, write32 } from '../net/link/words.js';
import { flowHash } from '../net/link/flow.js';
import type { Clock } from '../virtio/clock.js';
import type { FabricPortCounters } from './counters.js';
import type { Lane } from './lane.js';
import { OuterPort } from './outerPort.js';
import { MacTable } from './macTable.js';
import { portNumber } from './portError.js';

/** Where a tunnel ends (RFC 7348, 2: VTEP): the address and UDP port that its datagrams go to. */
export interface Endpoint {
  /** An IP address in its canonical form. */
  readonly address: string;
  readonly port: number;
}

/** What carries the datagrams of a port: UDP's sockets, or what a test puts there. */
export interface Datagrams {
  /** Set by the port. */
  receiver: DatagramReceiver | undefined;
  /** The most bytes of a datagram that it carries. */
  readonly maxBytes: number;
  /** A buffer for one datagram; undefined while all are on their way: then the receiver is told when there is room. */
  buffer(): Uint8Array | undefined;
  /**
   * Sends the first `length` bytes of the buffer that was answered last to each of these, from a UDP port that goes by the
   * flow: whatever stands in between spreads flows by it and keeps each in its order.
   */
  send(length: number, to: readonly Endpoint[], flow: number): void;
  close(): Promise<void>;
}

/** Who gets what comes of the datagrams. */
export interface DatagramReceiver {
  /** A datagram came from this address; its bytes are somebody else's again after the call. */
  received(bytes: Uint8Array, address: string): void;
  /** No more datagrams of this burst. */
  burstEnded(): void;
  /** There are buffers again. */
  buffersFree(): void;
  /** A datagram could not be sent or received; the code is the system's, such as EHOSTUNREACH. */
  failed(code: string): void;
}

export interface VxlanOptions {
  clock: Clock;
  /** The VXLAN network identifier, from 0 to 16,777,215: only frames of this network pass. */
  vni: number;
  /** Where frames for all, and for stations that were not heard yet, go to: every other end of this network. */
  peers: readonly Endpoint[];
  /** The UDP port of an end that was learnt, unless it is one of the peers; default 4789. */
  port?: number;
  /** Whether a station's end is learnt from what comes from it; default true. If not, all goes to all peers. */
  learning?: boolean;
  /**
   * The largest packet behind the Ethernet header, in bytes, from 68 to 65,000; default 1450, which fits with all
   * headers into the 1500 bytes of an Ethernet with IPv4. A tunnel must not fragment what it sends (RFC 7348, 4.3).
   */
  mtu?: number;
  /** How many stations are remembered; default 4096. */
  stations?: number;
  /** How long one is remembered that is not heard of, in milliseconds; default 300,000. */
  ageing?: number;
  /** For people; default vxlan and the network's identifier. */
  name?: string;
}

export interface VxlanCounters extends FabricPortCounters {
  /** Datagrams, a frame that goes to several peers being several. */
  sentDatagrams: number;
  receivedDatagrams: number;
  /** Of those sent and received: what the system could not do, by its code. */
  errors: Record<string, number>;
}

/**
 * A port of a VXLAN network (RFC 7348): each frame goes as the payload of a UDP datagram to the end where its receiver was
 * last heard, or to all peers. Where there are more than two ends, each needs all others as its peers: what comes from one
 * peer goes to the port that is connected here and never to another peer, so that nothing goes round.
 *
 * A station is reached at the address it was last heard from, whoever that is: like every VXLAN, it trusts its network.
 * VLAN tags in frames are carried as they are (RFC 7348, 6.1, leaves that to who configures it).
 *
 * Sending is as lossless as the datagrams are: where they have no buffer, the answer is `full`. What comes in waits in a
 * bounded backlog for its receiver, and is dropped and counted where that is full, as datagrams can't be held back.
 */
export class VxlanPort extends OuterPort implements Port, DatagramReceiver {
  readonly lanes = 1;
  /** Datagrams carry bytes. */
  readonly offloads = 0;
  readonly mtu: number;

  private readonly vni: number;
  private readonly peers: readonly Endpoint[];
  private readonly port: number;
  private readonly datagrams: Datagrams;
  private readonly table: MacTable<Endpoint[]> | undefined;
  /** The ends that were heard of, each as the list that it is sent to. */
  private readonly ends = new Map<string, Endpoint[]>();
  private readonly frame = new Frame();
  private full = false;
  private closed = false;
  private sentDatagrams = 0;
  private receivedDatagrams = 0;
  private readonly errors: Record<string, number> = {};

  /** @throws PortError for an option out of its range */
  constructor(datagrams: Datagrams, options: VxlanOptions) {
    const { clock, vni, peers, port = vxlanPort, learning = true, mtu = defaultMtu } = options;
    const { stations = 4096, ageing = 300_000, name = `vxlan ${vni}` } = options;
    super(name, clock, limits);
    portNumber('vni', vni, { least: 0, most: 0xffffff });
    portNumber('mtu', mtu, { least: leastMtu, most: mostMtu });
    if (datagrams.maxBytes < vxlanBytes(mtu)) throw new RangeError('The datagrams do not hold a packet of this MTU.');
    this.vni = vni;
    this.peers = peers;
    this.port = port;
    this.mtu = mtu;
    this.datagrams = datagrams;
    this.table = learning ? new MacTable(stations, ageing) : undefined;
    this.forgetEnds();
    datagrams.receiver = this;
  }

  get listening(): boolean {
    return !this.closed;
  }

  steer(): number {
    return 0;
  }

  send(frame: Frame): Sent {
    const lane = this.all.at(0);
    if (this.full) {
      lane.countFull();
      return Sent.full;
    }
    const sent = this.encapsulate(frame, lane);
    if (sent === Sent.full) lane.countFull();
    else lane.countIn(frame);
    return sent;
  }

  flush(): void {
    // Each datagram was handed over when it was sent.
  }

  received(bytes: Uint8Array, address: string): void {
    if (this.closed) return;
    this.receivedDatagrams++;
    const { frame } = this;
    frame.start(0).add(bytes, headerBytes, Math.max(0, bytes.length - headerBytes));
    const wrong = this.faultOf(bytes);
    if (wrong) {
      this.all.at(0).drop(frame, wrong);
      return;
    }
    const { bytes: head, start } = frame.head();
    this.table?.learn(head, start + sourceAddress, this.endAt(address), this.clock.now());
    this.all.at(this.peer?.steer(frame) ?? 0).offerCopy(frame);
  }

  burstEnded(): void {
    this.flushPeer();
  }

  buffersFree(): void {
    if (!this.full) return;
    this.full = false;
    this.peer?.room();
  }

  failed(code: string): void {
    this.errors[code] = (this.errors[code] ?? 0) + 1;
    this.all.at(0).drop(undefined, 'network');
  }

  /** A plain copy of the counters. */
  counters(): VxlanCounters {
    const { sentDatagrams, receivedDatagrams, errors } = this;
    return { ...this.all.counters(this.name), sentDatagrams, receivedDatagrams, errors: { ...errors } };
  }

  /** Gives back the sockets. Frames that come later are dropped and counted. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    // Who waits for buffers would wait in vain.
    this.buffersFree();
    await this.datagrams.close();
  }

  /** Why a datagram is not taken, if it is not. */
  private faultOf(bytes: Uint8Array): DropReason | undefined {
    if (bytes.length < headerBytes || (bytes[field.flags] & validVni) === 0) return 'malformed';
    if (read32(bytes, field.vni) >>> 8 !== this.vni) return 'otherNetwork';
    return bytes.length < headerBytes + ethernetHeaderBytes ? 'runt' : undefined;
  }

  private encapsulate(frame: Frame, lane: Lane): Sent {
    if (this.closed) return lane.drop(frame, 'unconnected');
    if (frame.length < ethernetHeaderBytes) return lane.drop(frame, 'runt');
    if (frame.length > this.mtu + ethernetHeaderBytes) return lane.drop(frame, 'tooLong');
    const head = frame.head();
    const to = this.table?.find(head.bytes, head.start + destinationAddress, this.clock.now()) ?? this.peers;
    if (to.length === 0) {
      lane.countFiltered();
      return Sent.dropped;
    }
    const bytes = this.datagrams.buffer();
    if (!bytes) {
      this.full = true;
      return Sent.full;
    }
    write32(bytes, field.flags, validVni << 24);
    write32(bytes, field.vni, this.vni << 8);
    frame.copy(0, frame.length, bytes, headerBytes);
    this.datagrams.send(headerBytes + frame.length, to, flowHash(frame));
    this.sentDatagrams += to.length;
    lane.countFloodCopies(to.length - 1);
    return Sent.taken;
  }

  private endAt(address: string): Endpoint[] {
    const known = this.ends.get(address);
    if (known) return known;
    // Senders can be made up; a station keeps its end in any case.
    if (this.ends.size >= maxEnds + this.peers.length) this.forgetEnds();
    const end = [{ address, port: this.port }];
    this.ends.set(address, end);
    return end;
  }

  private forgetEnds(): void {
    this.ends.clear();
    for (const peer of this.peers) this.ends.set(peer.address, [peer]);
  }
}

/** The UDP port that was assigned to VXLAN (RFC 7348, 9). */
export const vxlanPort = 4789;

/** The bytes of the largest datagram for this MTU. */
export function vxlanBytes(mtu: number): number {
  return headerBytes + ethernetHeaderBytes + mtu;
}

const defaultMtu = 1450;
const leastMtu = 68;
/** With all headers less than what a datagram can be. */
const mostMtu = 65_000;

/** Of the header (RFC 7348, 5). Reserved bits are sent as zero and not looked at. */
const headerBytes = 8;
const field = { flags: 0, vni: 4 } as const;
/** The flag I: the header has the network's identifier. */
const validVni = 0x08;

/** Offsets of the addresses in a frame. */
const destinationAddress = 0;
const sourceAddress = 6;

/** Ends that are known at once beside the peers. */
const maxEnds = 1024;

/** No frame can be held back, so as many again may wait. */
const limits = { backlogFrames: 128, backlogBytes: 1 << 20 };
