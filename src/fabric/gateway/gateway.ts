import { countDrop, filterReasons, type DropReason, type Drops, type FilterReason } from '../../net/link/counters.js';
import { etherType } from '../../net/link/ethernet.js';
import { ethernetHeaderBytes, type Frame } from '../../net/link/frame.js';
import { formatMac } from '../../net/link/mac.js';
import { offload } from '../../net/link/offloads.js';
import { Sent, type Port } from '../../net/link/port.js';
import { read16 } from '../../net/link/words.js';
import type { Clock } from '../../virtio/clock.js';
import { PortError } from '../portError.js';
import { addressText, parseAddress, stationMac, Subnet, unspecified } from './address.js';
import { clientPort, DhcpServer, serverPort as dhcpPort, type DhcpCounters } from './dhcp/server.js';
import { Names } from './dns/names.js';
import { DnsServer, serverPort as dnsPort, type DnsCounters } from './dns/server.js';
import { icmpReceived, isEcho, unreachable, unreachableCode } from './icmp.js';
import { arpType, mostNeighbours, Neighbours } from './neighbours.js';
import { domainOf, hostsOf, numbersOf, type GatewayOptions, type Numbers } from './options.js';
import { Outgoing, Packet, protocols } from './packet.js';
import { Reassembly } from './reassembly.js';
import type { TcpConnection } from './tcp/connection.js';
import { Tcp, type Prepare, type TcpCounters } from './tcp/tcp.js';
import { datagramFrame, maxDatagramBytes, Udp, type OutgoingDatagram, type UdpReceiver } from './udp.js';

/** What passed a gateway, as plain data. `in` came from stations, `out` went to them. */
export interface GatewayCounters {
  name: string;
  address: string;
  inFrames: number;
  inBytes: number;
  outFrames: number;
  outBytes: number;
  /** Times that the switch had no room for what the gateway sent. */
  toldFull: number;
  /** Frames that were lost here or not understood, both ways. */
  dropped: Drops;
  /** Frames that were for others, by reason. */
  filtered: Partial<Record<FilterReason, number>>;
  /** Echo requests that were answered. */
  echoes: number;
  dhcp: DhcpCounters;
  dns: DnsCounters;
  tcp: TcpCounters;
}

/**
 * A station on a switch that serves the others: it gives them addresses (DHCP) and names (DNS), answers their pings, and
 * makes connections to them for whoever is outside (TCP and UDP, see `openForward` in virtio-mq/fabric/node). It speaks IPv4
 * only, and leads nowhere else: packets for other networks are refused with an ICMP message, and other names do not exist.
 *
 * All its memory is bounded: leases, neighbours, connections and their buffers. What it can't send at once waits where it
 * is in a connection's buffer; datagrams are dropped and counted. Large segments pass whole, both ways.
 */
export class Gateway implements Port {
  readonly name: string;
  readonly lanes = 1;
  readonly listening = true;
  readonly offloads = offload.checksum | offload.tcp4 | offload.ecn | offload.udp;
  readonly subnet: Subnet;
  readonly mac: Uint8Array;
  readonly clock: Clock;

  private readonly numbers: Numbers;
  private readonly names: Names;
  private readonly packet = new Packet();
  private readonly out: Outgoing;
  private readonly reassembly: Reassembly;
  private readonly neighbours: Neighbours;
  private readonly udp = new Udp();
  private readonly tcp: Tcp;
  private readonly dhcp: DhcpServer;
  private readonly dns: DnsServer;
  private peer: Port | undefined;
  /** What is to be sent when the burst has ended. */
  private outbox: (() => Iterable<Frame>)[] = [];
  private receiving = false;
  private running = false;
  private again = false;
  private due = false;
  private soon = false;
  private readonly count = {
    ...{ inFrames: 0, inBytes: 0, outFrames: 0, outBytes: 0, toldFull: 0, echoes: 0 },
    ...{ dropped: {} as GatewayCounters['dropped'], filtered: {} as GatewayCounters['filtered'] },
  };

  /** @throws PortError for an option that makes no sense */
  constructor(options: GatewayOptions) {
    const { clock, address, name = 'gateway', random = Math.random } = options;
    this.clock = clock;
    this.name = name;
    this.subnet = new Subnet(address);
    this.mac = options.mac === undefined ? macOf(this.subnet.address) : stationMac(options.mac);
    this.numbers = numbersOf(options);
    const domain = domainOf(options);
    const hosts = hostsOf(options, this.subnet);
    this.names = new Names(domain, clock);
    this.names.fix(this.subnet.address, ['gateway']);
    for (const host of hosts) this.names.fix(host.address, host.names);
    this.out = new Outgoing(this.mac, this.subnet.address);
    this.reassembly = new Reassembly(clock, () => this.drop('fragment'));
    this.neighbours = new Neighbours(this);
    this.tcp = new Tcp({
      ...{ clock, neighbours: this.neighbours, out: this.out, random, ...this.numbers },
      transmit: (frame) => this.offer(frame),
      run: () => this.run(),
      runSoon: () => this.runSoon(),
      later: (make) => this.later(make),
    });
    this.dns = new DnsServer(this.names);
    this.dhcp = this.newDhcpServer(domain, hosts);
    this.serve();
  }

  steer(): number {
    return 0;
  }

  send(frame: Frame): Sent {
    this.receiving = true;
    try {
      this.count.inFrames++;
      this.count.inBytes += frame.length;
      const reason = this.receive(frame);
      if (reason === undefined || reason === partTaken) return Sent.taken;
      if (reason in filterReasons) {
        const kind = reason as FilterReason;
        frame.lost = kind;
        this.count.filtered[kind] = (this.count.filtered[kind] ?? 0) + 1;
      } else {
        this.drop(reason as DropReason, frame);
      }
      // Whoever is answered why is answered at the end of the burst, which only one has that was taken.
      return this.outbox.length > 0 ? Sent.taken : Sent.dropped;
    } finally {
      this.receiving = false;
    }
  }

  flush(): void {
    // What is sent from here may bring answers at once: the round that is under way goes once more then.
    this.again = true;
    if (this.running) return;
    this.running = true;
    try {
      while (this.again) {
        this.again = false;
        const { outbox } = this;
        this.outbox = [];
        for (const make of outbox) for (const frame of make()) this.transmit(frame);
        this.tcp.service();
        if (!this.due) continue;
        this.due = false;
        this.peer?.flush();
      }
    } finally {
      this.running = false;
    }
  }

  room(): void {
    this.tcp.room();
    this.run();
  }

  attach(peer: Port | undefined): void {
    this.peer = peer;
    // Whoever was told to wait goes on, and loses what it sends.
    if (!peer) this.tcp.room();
  }

  /**
   * Opens a TCP connection to a station; undefined where there are as many as may be. `prepare` sets its handler.
   * @throws PortError where the address is none of a station here
   */
  connect(address: string, port: number, prepare: Prepare): TcpConnection | undefined {
    return this.tcp.connect(this.station(address), port, prepare);
  }

  /** @throws PortError where the address is none of a station here */
  checkStation(address: string): void {
    this.station(address);
  }

  /** Accepts TCP connections of stations; `accept` sets the handler of each. @throws RangeError where the port is in use */
  listen(port: number, accept: Prepare): void {
    this.tcp.listen(port, accept);
  }

  /** Receives datagrams on a free UDP port, and answers which; undefined where there is none. */
  openUdp(receive: UdpReceiver): number | undefined {
    return this.udp.bindAny(receive);
  }

  closeUdp(port: number): void {
    this.udp.unbind(port);
  }

  /**
   * Sends a datagram to a station from a UDP port of the gateway; the payload is not to be changed any more.
   * @throws PortError where the address is none of a station here
   */
  sendUdp(address: string, port: number, from: number, payload: Uint8Array): void {
    this.sendDatagram(this.station(address), port, from, payload);
  }

  /** A plain copy of the counters. */
  counters(): GatewayCounters {
    const { count, dhcp, dns, tcp } = this;
    this.reassembly.forgetOld();
    return {
      ...{ name: this.name, address: addressText(this.subnet.address), ...count },
      ...{ dropped: { ...count.dropped }, filtered: { ...count.filtered } },
      ...{ dhcp: dhcp.counters(), dns: dns.counters(), tcp: tcp.counters() },
    };
  }

  /** Ends all connections, and leaves no timer behind. */
  close(): void {
    this.tcp.close();
    this.neighbours.close();
    this.outbox = [];
  }

  /** For what belongs to the gateway: sends the frame that is made then when the burst that is under way has ended, or now. */
  later(make: () => Frame): void {
    this.allLater(() => [make()]);
  }

  /** The same of several frames, each of which is sent before the next is made. */
  private allLater(make: () => Iterable<Frame>): void {
    if (this.outbox.length >= mostLater) {
      this.drop('backlogFull');
      return;
    }
    this.outbox.push(make);
    this.run();
  }

  private run(): void {
    if (!this.receiving) this.flush();
  }

  /** Whoever reads or writes is not told of anything before it has done so. */
  private runSoon(): void {
    if (this.soon) return;
    this.soon = true;
    void Promise.resolve().then(() => {
      this.soon = false;
      this.run();
    });
  }

  private newDhcpServer(domain: string, hosts: ReturnType<typeof hostsOf>): DhcpServer {
    const { clock, subnet, numbers, neighbours } = this;
    return new DhcpServer({
      ...{ clock, subnet, domain, mtu: numbers.mtu, leaseSeconds: numbers.leaseSeconds, most: numbers.leases },
      reserved: new Set(hosts.map(({ address }) => address)),
      fixed: new Map(hosts.flatMap(({ mac, address }) => (mac === undefined ? [] : [[mac, address] as const]))),
      taken: (address, mac) => {
        const known = neighbours.lookUp(address);
        return known !== undefined && formatMac(known) !== mac;
      },
      mostTaken: mostNeighbours,
      send: (mac, to, payload) =>
        this.later(() => this.datagramFrame({ mac, to, port: clientPort, from: dhcpPort, payload })),
      named: (address, name, until) => this.names.set(address, name, until),
    });
  }

  private serve(): void {
    this.udp.bind(dhcpPort, (datagram) => this.dhcp.received(datagram));
    this.udp.bind(dnsPort, ({ source, sourcePort, payload }) => {
      const answer = this.dns.answer(payload);
      if (typeof answer === 'string') return answer;
      this.sendDatagram(source, sourcePort, dnsPort, answer);
      return undefined;
    });
  }

  private station(text: string): number {
    const address = parseAddress(text);
    if (address !== undefined && this.subnet.hasHost(address) && address !== this.subnet.address) return address;
    throw new PortError(`'${text}' is no address of a station in the network of ${addressText(this.subnet.address)}.`);
  }

  private receive(frame: Frame): DropReason | FilterReason | typeof partTaken | undefined {
    if (frame.length < ethernetHeaderBytes) return 'runt';
    const { bytes, start } = frame.head();
    const group = (bytes[start] & 1) !== 0;
    if (!(group ? everybody : this.mac).every((byte, i) => byte === bytes[start + i])) {
      return group ? 'multicast' : 'unicast';
    }
    const type = read16(bytes, start + 12);
    if (type === arpType) return this.neighbours.received(frame);
    if (type === etherType.vlan || type === etherType.providerVlan) return 'otherNetwork';
    if (type !== etherType.ipv4) return 'protocol';
    return this.packet.read(frame) ?? this.whole(this.packet) ?? this.deliver(this.packet);
  }

  /** Keeps what is only a part of a packet, until it is whole and `packet` is that. */
  private whole(packet: Packet): DropReason | typeof partTaken | undefined {
    if (!packet.isFragment) return undefined;
    if (packet.destination !== this.subnet.address) return 'unreachable';
    const frame = this.reassembly.add(packet);
    if (typeof frame === 'boolean') return frame ? partTaken : 'fragment';
    return packet.read(frame);
  }

  private deliver(packet: Packet): DropReason | undefined {
    const { subnet } = this;
    const { source, destination, protocol } = packet;
    // Who has no address yet asks for one by UDP; nobody else could be answered.
    const nobody = source === unspecified && protocol === protocols.udp;
    if (!nobody && (!subnet.hasHost(source) || source === subnet.address)) return 'unreachable';
    this.neighbours.confirm(source, packet.sourceMac);
    if (subnet.isBroadcast(destination)) return protocol === protocols.udp ? this.datagram(packet, true) : 'protocol';
    if (destination !== subnet.address) return this.refuse(packet, unreachableCode.net, 'unreachable');
    if (protocol === protocols.tcp) return this.tcp.received(packet);
    if (protocol === protocols.udp) return this.datagram(packet, false);
    if (protocol !== protocols.icmp) return this.refuse(packet, unreachableCode.protocol, 'protocol');
    return icmpReceived(packet, (to, message) => {
      this.count.echoes++;
      this.sendIcmp(packet.sourceMac.slice(), to, message);
    });
  }

  private datagram(packet: Packet, toAll: boolean): DropReason | undefined {
    const reason = this.udp.received(packet);
    if (reason !== 'nobody') return reason;
    return toAll ? 'unreachable' : this.refuse(packet, unreachableCode.port, 'unreachable');
  }

  /** Tells whoever sent a packet why it was dropped; errors of ICMP are not answered so (RFC 1122, 3.2.2). */
  private refuse(packet: Packet, code: number, reason: DropReason): DropReason {
    if (packet.protocol !== protocols.icmp || isEcho(packet)) {
      this.sendIcmp(packet.sourceMac.slice(), packet.source, unreachable(packet, code));
    }
    return reason;
  }

  private sendIcmp(mac: Uint8Array, to: number, message: Uint8Array): void {
    this.allLater(() => this.out.fragments(mac, to, protocols.icmp, message, this.numbers.mtu));
  }

  private sendDatagram(to: number, port: number, from: number, payload: Uint8Array): void {
    if (payload.length > maxDatagramBytes) {
      this.drop('tooLong');
      return;
    }
    const resolved = (): void => {
      const mac = this.neighbours.lookUp(to);
      if (mac) this.later(() => this.datagramFrame({ mac, to, port, from, payload }));
    };
    if (this.neighbours.lookUp(to)) {
      resolved();
    } else if (!this.neighbours.resolve(to, { resolved, unresolved: () => this.drop('unreachable') })) {
      this.drop('backlogFull');
    }
  }

  private datagramFrame(datagram: OutgoingDatagram): Frame {
    return datagramFrame(this.out, datagram, this.numbers.mtu);
  }

  /** Sends what nobody sends again: it is lost where there is no room for it. */
  private transmit(frame: Frame): void {
    if (this.offer(frame) === Sent.full) this.drop('backlogFull', frame);
  }

  /** Hands a frame to the switch. */
  private offer(frame: Frame): Sent {
    const { peer, count } = this;
    if (!peer) {
      this.drop('unconnected', frame);
      return Sent.dropped;
    }
    const sent = peer.send(frame, peer.steer(frame));
    if (sent === Sent.full) count.toldFull++;
    if (sent !== Sent.taken) return sent;
    count.outFrames++;
    count.outBytes += frame.length;
    this.due = true;
    return sent;
  }

  private drop(reason: DropReason, frame?: Frame): void {
    countDrop(this.count, reason, frame);
  }
}

/** 52:55 and the address, as other programs' gateways have it too. */
function macOf(address: number): Uint8Array {
  return Uint8Array.of(0x52, 0x55, address >>> 24, address >>> 16, address >>> 8, address);
}

/** A fragment that was kept. */
const partTaken = 'part';
const everybody = new Uint8Array(6).fill(0xff);
/** Answers that wait for the end of a burst. */
const mostLater = 256;
