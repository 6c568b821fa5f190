import type { AccessWidth } from '../../../virtio/registers.js';
import type { FeatureName } from '../../../driver/index.js';
import type { Findings } from '../findings.js';
import type { Buffer } from '../queues/ring.js';
import type { Rules } from '../rules.js';
import type { StatementId } from '../statements.js';
import type { NetCard } from './card.js';
import {
  checksumOffset,
  frameHeader,
  holdsPseudoSum,
  ipAt,
  ipInFrame,
  reducesWindow,
  transportHeader,
  type IpPacket,
} from './packet.js';

/** `flags` and `gso_type` of struct virtio_net_hdr (virtio 5.1.6). */
const flag = { needsChecksum: 1, dataValid: 2, rscInfo: 4, tunnelChecksum: 8 } as const;
const gso = { none: 0, tcp4: 1, udp: 3, tcp6: 4, udpL4: 5, ecn: 0x80 } as const;
const tunnelBit = { 4: 0x20, 6: 0x40 } as const;
const tunnelBits = tunnelBit[4] | tunnelBit[6];

/** Kinds of segmentation: the feature that each needs, and the statement that says so. */
const kinds: readonly { kind: number; needs: FeatureName; statement: StatementId }[] = [
  { kind: gso.tcp4, needs: 'VIRTIO_NET_F_HOST_TSO4', statement: 'net-dri-017' },
  { kind: gso.tcp6, needs: 'VIRTIO_NET_F_HOST_TSO6', statement: 'net-dri-018' },
  { kind: gso.udp, needs: 'VIRTIO_NET_F_HOST_UFO', statement: 'net-dri-019' },
  { kind: gso.udpL4, needs: 'VIRTIO_NET_F_HOST_USO', statement: 'net-dri-020' },
];

/** As much of a packet as holds all headers that are looked at. */
const headBytes = 512;
const macBytes = 6;

/** A packet to transmit: the fields of its header, and how it begins. */
interface Packet {
  readonly place: Buffer;
  readonly flags: number;
  readonly gsoType: number;
  /** `gso_type` without the bits for congestion notification and tunnels. */
  readonly kind: number;
  readonly tunnel: number;
  readonly headerLength: number;
  readonly gsoSize: number;
  readonly checksumStart: number;
  readonly checksumOffset: number;
  readonly outerTransport: number;
  readonly innerNetwork: number;
  /** The frame's first bytes. */
  readonly head: Uint8Array;
  readonly length: number;
}

/** Packets that the driver transmits (virtio 5.1.6.2.1). */
export class TransmitRules implements Rules {
  private readonly findings: Findings;
  private readonly card: NetCard;
  /** The bytes of `mac` that were read since the device was switched on. */
  private readonly macRead = new Set<number>();
  /** The driver has sent something since it began. */
  private sent = false;

  constructor(findings: Findings, card: NetCard) {
    this.findings = findings;
    this.card = card;
  }

  configRead(offset: number, width: AccessWidth): void {
    for (let at = offset; at < Math.min(offset + width, macBytes); at++) this.macRead.add(at);
  }

  activated(): void {
    this.sent = false;
  }

  forget(): void {
    this.macRead.clear();
  }

  exposed(buffer: Buffer): void {
    const { card, findings } = this;
    if (card.kind(buffer.queue) !== 'transmit') return;
    const { headerBytes } = card;
    const whole = buffer.readableLength >= headerBytes;
    findings.check('net-dri-014', whole, () => `${buffer.readableLength} bytes, less than a header`, buffer);
    if (!whole) return;
    this.first(buffer);
    const packet = this.packetIn(buffer, headerBytes);
    this.checkFlags(packet);
    this.checkKind(packet);
    this.checkTunnel(packet);
    this.checkLength(packet);
    this.checkChecksums(packet);
  }

  /** A driver can't use an address that it never read; one that comes back may remember it. */
  private first(buffer: Buffer): void {
    const { card, findings } = this;
    if (this.sent) return;
    this.sent = true;
    if (!card.has('VIRTIO_NET_F_MAC') || !card.view.fresh) return;
    findings.check(
      'net-dri-003',
      this.macRead.size === macBytes,
      () => 'a packet was sent, and mac never read',
      buffer,
    );
  }

  private packetIn(buffer: Buffer, headerBytes: number): Packet {
    const bytes = this.card.bytes(buffer, headerBytes + headBytes);
    const word = (at: number): number => bytes[at] | (bytes[at + 1] << 8);
    if (headerBytes > 10)
      this.findings.check('net-dri-015', word(10) === 0, () => `num_buffers is ${word(10)}`, buffer);
    const gsoType = bytes[1];
    return {
      ...{ place: buffer, flags: bytes[0], gsoType },
      kind: gsoType & ~gso.ecn & ~tunnelBits,
      tunnel: gsoType & tunnelBits,
      ...{ headerLength: word(2), gsoSize: word(4), checksumStart: word(6), checksumOffset: word(8) },
      outerTransport: headerBytes >= 24 ? word(20) : 0,
      innerNetwork: headerBytes >= 24 ? word(22) : 0,
      head: bytes.subarray(headerBytes),
      length: buffer.readableLength - headerBytes,
    };
  }

  private checkFlags({ flags, gsoType, tunnel, place }: Packet): void {
    const { findings, card } = this;
    const seen = (): string => `flags ${flags}, gso_type 0x${gsoType.toString(16)}`;
    const check = (id: StatementId, right: boolean): unknown => findings.check(id, right, seen, place);
    if (!card.has('VIRTIO_NET_F_CSUM')) check('net-dri-016', flags === 0);
    check('net-dri-042', (flags & (flag.dataValid | flag.rscInfo)) === 0);
    const checksum = (flags & flag.tunnelChecksum) !== 0;
    const offered = card.has('VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM');
    if (checksum || !offered) {
      check('net-dri-026', !checksum || offered);
      check('net-dri-040', !checksum || offered);
    }
    if (checksum) check('net-dri-029', tunnel !== 0);
    if (tunnel === 0) return;
    check('net-dri-043', (flags & flag.dataValid) === 0);
    const both = offered && card.has('VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO');
    check('net-dri-025', !checksum || both);
  }

  private checkKind({ flags, kind, gsoType, gsoSize, tunnel, checksumStart, head, place }: Packet): void {
    const { findings, card } = this;
    const seen = (): string => `gso_type 0x${gsoType.toString(16)}, flags ${flags}, gso_size ${gsoSize}`;
    for (const one of kinds) {
      const there = card.has(one.needs);
      if (kind === one.kind || !there) findings.check(one.statement, kind !== one.kind || there, seen, place);
    }
    if (gsoType === gso.none) return;
    findings.check('net-dri-032', (flags & flag.needsChecksum) !== 0 && gsoSize > 0, seen, place);
    const tcp = kind === gso.tcp4 || kind === gso.tcp6;
    // Of the bits of congestion notification only this one differs between segments.
    if (tcp && tunnel === 0 && card.has('VIRTIO_NET_F_HOST_ECN') && reducesWindow(head, checksumStart)) {
      findings.check('net-dri-021', (gsoType & gso.ecn) !== 0, seen, place);
    }
  }

  private checkTunnel(packet: Packet): void {
    const { findings, card } = this;
    const { tunnel, kind, gsoType, outerTransport, innerNetwork, checksumStart, head, place } = packet;
    const seen = (): string => `gso_type 0x${gsoType.toString(16)}`;
    const there = card.has('VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO');
    if (tunnel !== 0 || !there) {
      findings.check('net-dri-022', tunnel === 0 || there, seen, place);
      findings.check('net-dri-039', tunnel === 0 || there, seen, place);
    }
    if (tunnel === 0 || !there) return;
    findings.check('net-dri-027', kind !== gso.udp, seen, place);
    findings.check('net-dri-028', tunnel !== tunnelBits, seen, place);
    const outer = ipInFrame(head);
    const ordered = outerTransport > 0 && innerNetwork >= outerTransport + 8 && checksumStart >= innerNetwork + 20;
    const placed = ordered && (outer === undefined || outer.transport === outerTransport);
    const offsets = (): string => `outer_th_offset ${outerTransport}, inner_nh_offset ${innerNetwork}`;
    findings.check('net-dri-035', placed, offsets, place);
    const version = head[innerNetwork] >>> 4;
    if (!placed || (version !== 4 && version !== 6)) return;
    const statement = version === 4 ? 'net-dri-023' : 'net-dri-024';
    findings.check(statement, (tunnel & tunnelBit[version]) !== 0, () => `${seen()}, inside is IPv${version}`, place);
  }

  /** Everything before the IP header is a low level header: tags of VLANs too. */
  private checkLength({ kind, tunnel, length, head, place }: Packet): void {
    const { findings, card } = this;
    if (!card.has('VIRTIO_NET_F_MTU') || kind !== gso.none || tunnel !== 0) return;
    const { mtu } = card;
    const payload = length - frameHeader(head);
    findings.check('net-dri-008', payload <= mtu, () => `${payload} bytes, mtu is ${mtu}`, place);
  }

  private checkChecksums(packet: Packet): void {
    const { findings, card } = this;
    const { flags, kind, tunnel, head, place } = packet;
    if (!(flags & flag.needsChecksum) || !card.has('VIRTIO_NET_F_CSUM')) return;
    const { checksumStart: start, checksumOffset: offset, length, headerLength } = packet;
    const seen = (): string => `csum_start ${start}, csum_offset ${offset}, in ${length} bytes`;
    const inner = tunnel === 0 ? ipInFrame(head) : ipAt(head, packet.innerNetwork);
    // A checksum elsewhere than in the first transport header is one of something that is carried, and may be anything.
    const known = inner?.transport === start ? inner : undefined;
    const sums =
      known === undefined || offset !== checksumOffset(known) || this.sums(packet, start + offset, known, kind);
    findings.check('net-dri-031', start + offset + 2 <= length && sums, seen, place);
    if (kind !== gso.none && known && card.has('VIRTIO_NET_F_GUEST_HDRLEN')) {
      const end = start + (transportHeader(head, known) ?? headerLength - start);
      findings.check('net-dri-033', headerLength === end, () => `hdr_len ${headerLength}, not ${end}`, place);
    }
    this.checkOuter(packet);
  }

  /** With the flag for it the outer checksum is that of its pseudo header (5.1.6.2.1). */
  private checkOuter(packet: Packet): void {
    const { findings } = this;
    const { flags, tunnel, outerTransport, head, place, kind } = packet;
    if (!(flags & flag.tunnelChecksum) || tunnel === 0) return;
    const outer = ipInFrame(head);
    if (outer?.transport !== outerTransport) return;
    const right = this.sums(packet, outerTransport + 6, outer, kind);
    findings.check('net-dri-036', right, () => 'the outer checksum is not that of its pseudo header', place);
  }

  /**
   * Whether a checksum's field has the sum of the pseudo header. In a packet that is to be cut the length is that of the
   * whole, or is left out of the sum: nothing says which.
   */
  private sums({ head, length }: Packet, at: number, ip: IpPacket, kind: number): boolean {
    if (at + 2 > head.length) return true;
    const whole = length - ip.transport;
    const lengths = kind === gso.none ? [ip.transportLength] : [ip.transportLength, whole, 0];
    return holdsPseudoSum(head, at, ip, lengths);
  }
}
