/**
 * Packets for the cases, made and read as their RFCs have them, with nothing of any card's own code: Ethernet, IPv4 (791)
 * and IPv6 (8200), UDP (768) and TCP (9293), and UDP tunnels (7348, 8926).
 */
import type { Mac } from './reception.js';

export interface Shape {
  readonly to: Mac;
  readonly from: Mac;
  /** Of IP; 4 when left out. */
  readonly version?: 4 | 6;
  /** UDP when left out. */
  readonly transport?: 'udp' | 'tcp';
  readonly payload: Uint8Array;
  /** Source and destination; two that no tunnel has when left out. */
  readonly ports?: readonly [source: number, destination: number];
  readonly tcpFlags?: number;
}

/** A packet and where its parts are, in bytes from the start of the frame. */
export interface TestPacket {
  readonly bytes: Uint8Array;
  readonly networkStart: number;
  readonly checksumStart: number;
  readonly checksumOffset: number;
  readonly payloadStart: number;
}

/** A packet in a UDP tunnel: the parts are those of the inner packet. */
export interface TunnelledPacket extends TestPacket {
  /** Of the tunnel's UDP header. */
  readonly outerTransport: number;
}

export const tcpFlag = { ack: 0x10, ece: 0x40, cwr: 0x80 } as const;

const etherType = { 4: 0x0800, 6: 0x86dd } as const;
const etherBytes = 14;
const protocols = { tcp: 6, udp: 17 } as const;
const checksumOffsets = { tcp: 16, udp: 6 } as const;
const addresses = {
  4: { source: [10, 9, 0, 1], destination: [10, 9, 0, 2] },
  6: { source: address6(1), destination: address6(2) },
} as const;
const ordinaryPorts = [50001, 50002] as const;

/** By UDP port: the header that stands before the inner frame. */
export const tunnels = {
  vxlan: { port: 4789, header: [8, 0, 0, 0, 0, 0, 42, 0] },
  geneve: { port: 6081, header: [0, 0, 0x65, 0x58, 0, 0, 42, 0] },
} as const;

/** Bytes that tell where in a payload they are. */
export function pattern(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 13 + (i >>> 8) + seed) & 0xff);
}

/** A frame of no protocol that a network would look into, of this length. */
export function plainFrame(to: Mac, from: Mac, length: number, seed = 0): Uint8Array {
  const frame = pattern(length, seed);
  frame.set([...to, ...from, 0x88, 0xb5]);
  return frame;
}

/** A packet with its checksum. */
export function packet(shape: Shape): TestPacket {
  const partial = unsummed(shape);
  const { bytes, checksumStart, checksumOffset } = partial;
  write16(bytes, checksumStart + checksumOffset, complement(sum16(bytes.subarray(checksumStart))));
  return partial;
}

/** A packet with the sum of its pseudo header where its checksum is to come. */
export function unsummed(shape: Shape): TestPacket {
  const { to, from, version = 4, transport = 'udp', payload, ports = ordinaryPorts } = shape;
  const { source, destination } = addresses[version];
  const header = [
    ...words(...ports),
    ...(transport === 'udp' ? words(8 + payload.length, 0) : tcpRest(shape.tcpFlags)),
  ];
  const length = header.length + payload.length;
  const checksumOffset = checksumOffsets[transport];
  const pseudo = [...source, ...destination, ...words(0, length, 0, protocols[transport])];
  header.splice(checksumOffset, 2, ...words(sum16(pseudo)));
  const network = version === 4 ? header4(transport, length) : header6(transport, length);
  const headers = [...to, ...from, ...words(etherType[version]), ...network, ...header];
  const bytes = new Uint8Array(headers.length + payload.length);
  bytes.set(headers);
  bytes.set(payload, headers.length);
  const checksumStart = etherBytes + network.length;
  return { bytes, networkStart: etherBytes, checksumStart, checksumOffset, payloadStart: headers.length };
}

/**
 * An inner packet in a tunnel over IPv4.
 * @param outer what the UDP checksum of the tunnel is: none, that of the pseudo header, or right for what is in it now
 */
export function tunnelled(
  inner: TestPacket,
  shape: Omit<Shape, 'payload' | 'ports' | 'transport'>,
  kind: keyof typeof tunnels,
  outer: 'none' | 'partial' | 'right' = 'none',
): TunnelledPacket {
  const { port, header } = tunnels[kind];
  const payload = Uint8Array.from([...header, ...inner.bytes]);
  const whole = (outer === 'right' ? packet : unsummed)({ ...shape, payload, ports: [ordinaryPorts[0], port] });
  const outerTransport = whole.checksumStart;
  if (outer === 'none') write16(whole.bytes, outerTransport + checksumOffsets.udp, 0);
  const shift = whole.payloadStart + header.length;
  return {
    bytes: whole.bytes,
    networkStart: shift + inner.networkStart,
    checksumStart: shift + inner.checksumStart,
    checksumOffset: inner.checksumOffset,
    payloadStart: shift + inner.payloadStart,
    outerTransport,
  };
}

/** What is in a frame. */
export interface Contents {
  readonly transport: 'udp' | 'tcp';
  readonly transportStart: number;
  readonly checksumOffset: number;
  readonly payloadStart: number;
  readonly payload: Uint8Array;
  readonly tcpFlags: number;
  /** `partial`: it is the sum of the pseudo header, and is still to be filled in. */
  readonly checksum: 'right' | 'partial' | 'none' | 'wrong';
}

/** Reads a TCP or UDP packet over IP without options or extensions; undefined when that is not what it is. */
export function contents(bytes: Uint8Array): Contents | undefined {
  const version = read16(bytes, 12) === etherType[4] ? 4 : read16(bytes, 12) === etherType[6] ? 6 : undefined;
  if (version === undefined) return undefined;
  const { protocolAt, addressesAt, headerBytes } = networkLayout[version];
  const transport = bytes[etherBytes + protocolAt] === protocols.tcp ? 'tcp' : 'udp';
  if (bytes[etherBytes + protocolAt] !== protocols[transport]) return undefined;
  const transportStart = etherBytes + headerBytes;
  // Short frames are padded, so the end is where IP says.
  const length = version === 4 ? read16(bytes, etherBytes + 2) - headerBytes : read16(bytes, etherBytes + 4);
  const segment = bytes.subarray(transportStart, transportStart + length);
  const checksumOffset = checksumOffsets[transport];
  const payloadOffset = transport === 'udp' ? 8 : 4 * (segment[12] >>> 4);
  const pseudo = [
    ...bytes.subarray(etherBytes + addressesAt, transportStart),
    ...words(0, length, 0, protocols[transport]),
  ];
  const field = read16(segment, checksumOffset);
  const right = sum16([...pseudo, ...segment]) === 0xffff;
  const checksum =
    field === 0 && transport === 'udp' ? 'none' : right ? 'right' : field === sum16(pseudo) ? 'partial' : 'wrong';
  return {
    transport,
    transportStart,
    checksumOffset,
    payloadStart: transportStart + payloadOffset,
    payload: segment.slice(payloadOffset),
    tcpFlags: transport === 'tcp' ? segment[13] : 0,
    checksum,
  };
}

/** The frame with the checksum filled in from `start` on, at `start + offset`. */
export function summed(bytes: Uint8Array, start: number, offset: number): Uint8Array {
  const copy = bytes.slice();
  write16(copy, start + offset, complement(sum16(copy.subarray(start))));
  return copy;
}

const networkLayout = {
  4: { protocolAt: 9, addressesAt: 12, headerBytes: 20 },
  6: { protocolAt: 6, addressesAt: 8, headerBytes: 40 },
} as const;

function header4(transport: 'udp' | 'tcp', length: number): number[] {
  const { source, destination } = addresses[4];
  // An identification of 1, so that whoever fragments it has one; it may be fragmented.
  const header = [0x45, 0, ...words(20 + length, 1, 0), 64, protocols[transport], 0, 0, ...source, ...destination];
  header.splice(10, 2, ...words(0xffff - sum16(header)));
  return header;
}

function header6(transport: 'udp' | 'tcp', length: number): number[] {
  const { source, destination } = addresses[6];
  return [0x60, 0, 0, 0, ...words(length), protocols[transport], 64, ...source, ...destination];
}

/** What follows the ports: sequence and acknowledgement numbers, no options, a window. */
function tcpRest(flags: number = tcpFlag.ack): number[] {
  return [0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, ...words(512, 0, 0)];
}

function address6(last: number): number[] {
  return [0xfd, ...new Array<number>(14).fill(0), last];
}

function words(...values: readonly number[]): number[] {
  return values.flatMap((value) => [(value >>> 8) & 0xff, value & 0xff]);
}

/** The ones' complement sum of 16-bit words (RFC 1071). */
export function sum16(bytes: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += i % 2 === 0 ? bytes[i] << 8 : bytes[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/** A checksum of 0 would say that there is none (RFC 768). */
function complement(sum: number): number {
  return 0xffff - sum || 0xffff;
}

function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes.set(words(value), at);
}
