import { Frame, headBytes } from '../../src/net/link/frame.js';
import { allOffloads } from '../../src/net/link/offloads.js';
import { connect, Sent, type Port } from '../../src/net/link/port.js';

export const broadcast = 255;

/** An address of a station by its number; `broadcast` is for all. */
export function address(station: number): number[] {
  return station === broadcast ? [255, 255, 255, 255, 255, 255] : [2, 0, 0, 0, 0, station];
}

/** A frame of two ranges, the first of which ends amid the addresses. The receiver's lane is its `flow`. */
export function bytesOf(to: number, from: number, sequence = 0, flow = 0, size = 60): Uint8Array {
  const bytes = new Uint8Array(size).map((_, i) => (i * 7 + sequence) & 255);
  bytes.set([...address(to), ...address(from), 0x88, 0xb5, flow, sequence >> 8, sequence & 255]);
  return bytes;
}

export function frameOf(bytes: Uint8Array, lane = 0): Frame {
  const cut = Math.min(9, bytes.length);
  return new Frame()
    .start(lane)
    .add(bytes, 0, cut)
    .add(bytes, cut, bytes.length - cut);
}

export interface Received {
  lane: number;
  bytes: Uint8Array;
}

/**
 * A card whose guest gives and withholds buffers as a test likes, and which keeps frames that were answered `full` and
 * sends them again, oldest first, as the contract of `Port` has it.
 */
export class TestCard implements Port {
  readonly name: string;
  readonly station: number;
  lanes: number;
  listening = true;
  offloads: number = allOffloads;
  peer: Port | undefined;
  received: Received[] = [];
  flushes = 0;
  invitations = 0;
  /** Frames given up by this card's sending side because the other end dropped them. */
  lost = 0;
  held: Received[] = [];
  /** Bytes of buffers that the guest has given to each lane. */
  readonly buffers: number[];
  /** What a guest does when a frame comes in, or a burst has ended. */
  onFrame: ((bytes: Uint8Array) => void) | undefined;
  onFlush: (() => void) | undefined;
  refuses = false;

  private sending = false;

  constructor(station: number, lanes = 1, buffers = Infinity) {
    this.name = `card ${station}`;
    this.station = station;
    this.lanes = lanes;
    this.buffers = new Array<number>(lanes).fill(buffers);
  }

  plugInto(port: Port): this {
    connect(this, port);
    return this;
  }

  attach(peer: Port | undefined): void {
    this.peer = peer;
  }

  steer(frame: Frame): number {
    const { bytes, start } = frame.head();
    return bytes[start + 14] % this.lanes;
  }

  send(frame: Frame, lane: number): Sent {
    if (lane >= this.lanes) throw new Error(`lane ${lane} is not in use`);
    if (this.refuses) return Sent.dropped;
    if (this.buffers[lane] < frame.length) return Sent.full;
    this.buffers[lane] -= frame.length;
    const bytes = frame.toBytes();
    this.received.push({ lane, bytes });
    this.onFrame?.(bytes);
    return Sent.taken;
  }

  flush(): void {
    this.flushes++;
    this.onFlush?.();
  }

  /** The guest gives buffers. */
  give(bytes: number, lane = 0): void {
    this.buffers[lane] += bytes;
    this.peer?.room();
  }

  room(): void {
    this.invitations++;
    if (this.sending) return;
    this.sendHeld();
    this.peer?.flush();
  }

  /** Sends one frame behind those that are held; says what became of it. */
  transmit(bytes: Uint8Array, lane = 0): Sent {
    const sent = this.pass({ bytes, lane });
    if (sent === Sent.full) this.held.push({ bytes, lane });
    return sent;
  }

  /** Sends a whole burst, with its flush. */
  burst(frames: Uint8Array[], lane = 0): Sent[] {
    const answers = frames.map((bytes) => this.transmit(bytes, lane));
    this.peer?.flush();
    return answers;
  }

  numbers(): number[] {
    return this.received.map(({ bytes }) => sequenceOf(bytes));
  }

  private sendHeld(): void {
    this.sending = true;
    let seen = this.invitations;
    for (let i = 0; i < this.held.length;) {
      if (this.pass(this.held[i]) === Sent.full) i++;
      else this.held.splice(i, 1);
      // Invited from within: again from the oldest on, or a younger frame would go first.
      if (seen !== this.invitations) i = 0;
      seen = this.invitations;
    }
    this.sending = false;
  }

  private pass({ bytes, lane }: Received): Sent {
    const { peer } = this;
    if (!peer) return Sent.dropped;
    // The bytes are the sender's own again after the call: a receiver who kept them would read these.
    const copy = bytes.slice();
    const frame = frameOf(copy, lane);
    const sent = peer.send(frame, peer.steer(frame));
    copy.fill(0xee);
    if (sent === Sent.dropped) this.lost++;
    return sent;
  }
}

export function sequenceOf(bytes: Uint8Array): number {
  return (bytes[15] << 8) | bytes[16];
}

export const stationFrom = (bytes: Uint8Array): number => bytes[11];
export const stationTo = (bytes: Uint8Array): number => bytes[5];

/** More than the head of a frame, so that what lies behind it is looked at too. */
export const longFrame = headBytes * 3;
