import { Frame } from '../../src/net/link/frame.js';

/** A packet as a sending stack sees it, to be made into an Ethernet frame. */
export interface Packet {
  readonly version: 4 | 6;
  readonly transport: 'tcp' | 'udp';
  readonly payload: Uint8Array;
  /** Types of VLAN tags, from the outermost on; the tag's number is its place. */
  readonly vlans?: readonly number[];
  /** IPv4 options; their length is a multiple of 4. */
  readonly ipOptions?: Uint8Array;
  /** IPv6 extension headers: each one's number and length, a multiple of 8. */
  readonly extensions?: readonly { kind: number; length: number }[];
  /** TCP options; their length is a multiple of 4. */
  readonly tcpOptions?: Uint8Array;
  readonly flags?: number;
  readonly sequence?: number;
  readonly identification?: number;
  readonly dontFragment?: boolean;
  /** The port of UDP that it is sent to. */
  readonly port?: number;
}

export interface BuiltPacket {
  /** With the sum of the pseudo header where the checksum belongs. */
  readonly bytes: Uint8Array;
  readonly networkStart: number;
  readonly checksumStart: number;
  readonly checksumOffset: number;
  readonly payloadStart: number;
  /** What it is when it is a tunnelled one, as its packet header says it. */
  readonly tunnelled?: Pick<Frame, 'tunnel' | 'tunnelChecksum' | 'outerTransport' | 'innerNetwork'>;
}

/** A UDP tunnel: its packet without payload, and what it puts before the inner frame. */
export interface TunnelPacket extends Omit<Packet, 'transport' | 'payload'> {
  /** The tunnel's own header. */
  readonly header: Uint8Array;
  readonly checksum: boolean;
}

/** VXLAN (RFC 7348) and Geneve (RFC 8926), each with its port of UDP. */
export const tunnels = {
  vxlan: { port: 4789, header: Uint8Array.of(8, 0, 0, 0, 0, 0, 42, 0) },
  geneve: { port: 6081, header: Uint8Array.of(1, 0, 0x65, 0x58, 0, 0, 42, 0, 1, 2, 3, 0) },
} as const;

/** A packet in a tunnel; both still need their checksums, the tunnel only if it has one at all. */
export function buildTunnelled(packet: Packet, tunnel: TunnelPacket): BuiltPacket {
  const inner = buildPacket(packet);
  const content = new Uint8Array(tunnel.header.length + inner.bytes.length);
  content.set(tunnel.header);
  content.set(inner.bytes, tunnel.header.length);
  const outer = buildPacket({ ...tunnel, transport: 'udp', payload: content });
  const shift = outer.payloadStart + tunnel.header.length;
  if (!tunnel.checksum) outer.bytes.fill(0, outer.checksumStart + 6, outer.checksumStart + 8);
  return {
    bytes: outer.bytes,
    networkStart: outer.networkStart,
    checksumStart: shift + inner.checksumStart,
    checksumOffset: inner.checksumOffset,
    payloadStart: shift + inner.payloadStart,
    tunnelled: {
      tunnel: packet.version,
      tunnelChecksum: tunnel.checksum,
      outerTransport: outer.checksumStart,
      innerNetwork: shift + inner.networkStart,
    },
  };
}

const numbers = { tcp: 6, udp: 17 } as const;
/** No dissector knows these. */
const ports = { source: 50001, destination: 50002 } as const;
const addresses = {
  4: { source: [10, 1, 2, 3], destination: [192, 168, 254, 77] },
  6: {
    source: [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34],
    destination: [0xfd, 0, 0xab, 0xcd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99],
  },
} as const;

function words(...values: number[]): number[] {
  return values.flatMap((value) => [(value >>> 8) & 255, value & 255]);
}

/** Ones' complement sum, word by word, each carry added at once: slow and plain. */
export function plainSum(bytes: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    sum += bytes[i] * 256 + (i + 1 < bytes.length ? bytes[i + 1] : 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** The frame of a packet that still needs its checksum. */
export function buildPacket(packet: Packet): BuiltPacket {
  const { version, transport, payload, vlans = [], extensions = [] } = packet;
  const { source, destination } = addresses[version];
  const header =
    transport === 'tcp'
      ? tcpHeader(packet)
      : words(ports.source, packet.port ?? ports.destination, 8 + payload.length, 0);
  const length = header.length + payload.length;
  const pseudo = [...source, ...destination, ...words(0, length, 0, numbers[transport])];
  const checksumOffset = transport === 'tcp' ? 16 : 6;
  header.splice(checksumOffset, 2, ...words(plainSum(pseudo)));
  const ethernet = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, ...vlans.flatMap((type, i) => words(type, 100 + i))];
  ethernet.push(...words(version === 4 ? 0x0800 : 0x86dd));
  const network = version === 4 ? ipv4Header(packet, length) : ipv6Header(packet, extensions, length);
  const headers = [...ethernet, ...network, ...header];
  const bytes = new Uint8Array(headers.length + payload.length);
  bytes.set(headers);
  bytes.set(payload, headers.length);
  return {
    bytes,
    networkStart: ethernet.length,
    checksumStart: ethernet.length + network.length,
    checksumOffset,
    payloadStart: headers.length,
  };
}

function tcpHeader({ tcpOptions = new Uint8Array(), flags = 0x10, sequence = 1 }: Packet): number[] {
  const offset = (20 + tcpOptions.length) / 4;
  const upper = Math.floor(sequence / 65536);
  return [
    ...words(ports.source, ports.destination, upper, sequence, 7, 8),
    offset * 16,
    flags,
    ...words(512, 0, 0),
    ...tcpOptions,
  ];
}

function ipv4Header(packet: Packet, length: number): number[] {
  const { ipOptions = new Uint8Array(), identification = 0, dontFragment = false, transport } = packet;
  const size = 20 + ipOptions.length;
  const fragment = dontFragment ? 0x4000 : 0;
  const header = [0x40 + size / 4, 0, ...words(size + length, identification, fragment), 64, numbers[transport], 0, 0];
  header.push(...addresses[4].source, ...addresses[4].destination, ...ipOptions);
  header.splice(10, 2, ...words(0xffff - plainSum(header)));
  return header;
}

function ipv6Header(packet: Packet, extensions: readonly { kind: number; length: number }[], length: number): number[] {
  const kinds = [...extensions.map(({ kind }) => kind), numbers[packet.transport]];
  const total = extensions.reduce((sum, extension) => sum + extension.length, length);
  const header = [0x60, 0, 0, 0, ...words(total), kinds[0], 64, ...addresses[6].source, ...addresses[6].destination];
  extensions.forEach((extension, i) => {
    // One option that pads the whole header (RFC 8200, 4.2).
    header.push(kinds[i + 1], extension.length / 8 - 1, 1, extension.length - 4);
    header.push(...new Array<number>(extension.length - 4).fill(0));
  });
  return header;
}

/** What the packet header of a frame may ask for. */
export type Asked = Partial<Pick<Frame, 'needsChecksum' | 'gso' | 'gsoSize' | 'gsoEcn'>>;

/** A frame of a built packet, of ranges of `range` bytes that lie in no order in a larger buffer. */
export function packetFrame(built: BuiltPacket, asked: Asked = {}, range = 1000): Frame {
  const { bytes, checksumStart, checksumOffset, tunnelled } = built;
  const frame = new Frame().start(3);
  const count = Math.ceil(bytes.length / range);
  const buffer = new Uint8Array(count * (range + 3) + 8).fill(0xee);
  for (let i = 0; i < count; i++) {
    const piece = bytes.subarray(i * range, (i + 1) * range);
    const at = 1 + (count - 1 - i) * (range + 3) + (i % 3);
    buffer.set(piece, at);
    frame.add(buffer, at, piece.length);
  }
  return Object.assign(frame, { needsChecksum: true, checksumStart, checksumOffset, ...tunnelled, ...asked });
}
