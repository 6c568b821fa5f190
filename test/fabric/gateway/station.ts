import { connect, Gateway, Switch, type GatewayOptions } from '../../../src/fabric/index.js';
import { Frame } from '../../../src/net/link/frame.js';
import { allOffloads } from '../../../src/net/link/offloads.js';
import { Sent, type Port } from '../../../src/net/link/port.js';
import { ManualClock } from '../../../src/virtio/clock.js';

export const gatewayIp = [10, 0, 0, 254];
export const gatewayMac = [0x52, 0x55, 10, 0, 0, 254];
export const stationIp = [10, 0, 0, 1];
export const stationMac = [0x52, 0x54, 0, 0, 0, 1];
export const everybody = [255, 255, 255, 255, 255, 255];

const word = (value: number): number[] => [(value >>> 8) & 255, value & 255];

/** The Internet checksum, as its RFC 1071 has it. */
export function checksum(bytes: readonly number[]): number[] {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return word(~sum & 0xffff);
}

export interface PacketOptions {
  readonly to?: readonly number[];
  readonly from?: readonly number[];
  readonly mac?: readonly number[];
  /** The field of the fragment's place. */
  readonly fragment?: number;
  readonly id?: number;
}

/** A frame with IPv4 from the station to the gateway, or as is said. */
export function ipFrame(protocol: number, payload: readonly number[], options: PacketOptions = {}): number[] {
  const { to = gatewayIp, from = stationIp, mac = gatewayMac, fragment = 0, id = 7 } = options;
  const start = [0x45, 0, ...word(20 + payload.length), ...word(id), ...word(fragment), 64, protocol];
  const header = [...start, ...checksum([...start, 0, 0, ...from, ...to]), ...from, ...to];
  return [...mac, ...stationMac, 8, 0, ...header, ...payload];
}

export function udpFrame(
  port: number,
  payload: readonly number[],
  options: PacketOptions = {},
  source = 4000,
): number[] {
  const { to = gatewayIp, from = stationIp } = options;
  const header = [...word(source), ...word(port), ...word(8 + payload.length)];
  const pseudo = [...from, ...to, 0, 17, ...word(8 + payload.length)];
  return ipFrame(17, [...header, ...checksum([...pseudo, ...header, 0, 0, ...payload]), ...payload], options);
}

export interface SegmentOptions {
  /** As it stands in the header. */
  readonly window?: number;
  /** Those of TCP, in whole words of 32 bits. */
  readonly options?: readonly number[];
}

export function tcpFrame(
  port: number,
  flags: number,
  sequence: number,
  acknowledgement = 0,
  payload: readonly number[] = [],
  { window = 0xffff, options = [] }: SegmentOptions = {},
): number[] {
  const long = (value: number): number[] => [...word(value >>> 16), ...word(value)];
  const numbers = [...word(4000), ...word(port), ...long(sequence), ...long(acknowledgement)];
  const header = [...numbers, (5 + options.length / 4) << 4, flags, ...word(window)];
  const rest = [...options, ...payload];
  const pseudo = [...stationIp, ...gatewayIp, 0, 6, ...word(20 + rest.length)];
  const sum = checksum([...pseudo, ...header, 0, 0, 0, 0, ...rest]);
  return ipFrame(6, [...header, ...sum, 0, 0, ...rest]);
}

/** Who has `target` asks for it, or tells of himself. */
export function arpFrame(operation: number, target: readonly number[], mac = everybody): number[] {
  const sender = [...stationMac, ...stationIp];
  return [...mac, ...stationMac, 8, 6, 0, 1, 8, 0, 6, 4, 0, operation, ...sender, ...[0, 0, 0, 0, 0, 0], ...target];
}

/** A station that a test speaks for, on a switch with a gateway. */
export class Station implements Port {
  readonly name = 'station';
  readonly lanes = 1;
  readonly listening = true;
  offloads = allOffloads;
  readonly clock = new ManualClock();
  readonly gateway: Gateway;
  received: Uint8Array[] = [];
  full = false;
  private readonly peer: Port;

  constructor(options: Partial<GatewayOptions> = {}) {
    const fabric = new Switch({ clock: this.clock, backlogFrames: 1 });
    this.gateway = new Gateway({ clock: this.clock, address: '10.0.0.254/24', ...options });
    connect(this.gateway, fabric.addPort('gateway'));
    this.peer = fabric.addPort('station');
    connect(this, this.peer);
  }

  steer(): number {
    return 0;
  }

  send(frame: Frame): Sent {
    if (this.full) return Sent.full;
    this.received.push(frame.toBytes());
    return Sent.taken;
  }

  flush(): void {
    // A test looks when it likes.
  }

  room(): void {
    // It never waits to send.
  }

  attach(): void {
    // It stays where it is.
  }

  /** Sends a frame, and answers what came back. */
  say(bytes: ArrayLike<number>): number[][] {
    this.received = [];
    this.tell(bytes);
    return this.received.map((frame) => Array.from(frame));
  }

  tell(bytes: ArrayLike<number>): void {
    const frame = new Frame().start(0).add(Uint8Array.from(bytes), 0, bytes.length);
    this.peer.send(frame, 0);
    this.peer.flush();
  }

  /** Has room again. */
  makeRoom(): void {
    this.full = false;
    this.peer.room();
  }
}
