import { countDrop, type DropReason, type Drops } from '../../net/link/counters.js';
import { ethernetHeaderBytes, Frame } from '../../net/link/frame.js';
import { Sent, type Port } from '../../net/link/port.js';

/** What carries a port's frames out of the process, while there is a connection. */
export interface Wire {
  /** Copies a frame and sends it on its way; false, and nothing happens, where no more may be under way now. */
  write(frame: Frame): boolean;
  /** No more frames of this burst. */
  flush?(): void;
  /** Bring no more frames for now; left out where the other end can't be held up. */
  pause?(): void;
  /** Bring frames again. */
  resume?(): void;
}

/** How much a port to a wire lets wait, and what it takes for a frame. */
export interface WireLimits {
  /** The longest frame in bytes, without a frame check sequence. */
  maxFrameBytes: number;
  /** Frames that came in and may wait for receivers without room; from half of it on the wire is to pause. */
  heldFrames: number;
  /** Their bytes, likewise. */
  heldBytes: number;
}

export const wireLimits: Readonly<WireLimits> = {
  // The largest MTU there is, with an Ethernet header and a VLAN tag.
  maxFrameBytes: 65_535 + ethernetHeaderBytes + 4,
  heldFrames: 1024,
  heldBytes: 1 << 20,
};

/** What passed a port to a wire, as plain data. `in` came from the wire, `out` went to it. */
export interface WireCounters {
  name: string;
  /** Somebody is at the other end now. */
  connected: boolean;
  inFrames: number;
  inBytes: number;
  outFrames: number;
  outBytes: number;
  /** Times the switch was told that there is no room. */
  toldFull: number;
  /** Times the wire was asked to pause, as receivers had no room. */
  pauses: number;
  /** Frames that wait now for receivers. */
  waitingFrames: number;
  /** Frames lost here. */
  dropped: Drops;
}

/**
 * A port whose other end is out of the process, at the end of a wire that carries nothing but bytes: what asks for a
 * checksum or for segments is finished before it gets here. It has one lane, as a wire has one order.
 *
 * What comes in and finds no room waits here, while frames for others pass it. When much waits, the wire is to pause;
 * where it can't, what exceeds the limits is dropped and counted as `backlogFull`. What is sent while nobody is at the
 * other end is dropped and counted as `disconnected`.
 */
export class WirePort implements Port {
  readonly name: string;
  readonly lanes = 1;
  readonly offloads = 0;
  readonly limits: WireLimits;
  private peer: Port | undefined;
  private wire: Wire | undefined;
  private readonly incoming = new Frame();
  private held: Uint8Array[] = [];
  private heldBytes = 0;
  private resending = false;
  private invitations = 0;
  private full = false;
  private paused = false;
  private readonly count: WireCounters;

  constructor(name: string, limits: Partial<WireLimits> = {}) {
    this.name = name;
    this.limits = { ...wireLimits, ...limits };
    this.count = {
      ...{ name, connected: false, inFrames: 0, inBytes: 0, outFrames: 0, outBytes: 0 },
      ...{ toldFull: 0, pauses: 0, waitingFrames: 0, dropped: {} },
    };
  }

  get listening(): boolean {
    return this.wire !== undefined;
  }

  /** So much waits for receivers that the wire is to bring nothing more. */
  get congested(): boolean {
    return this.paused;
  }

  steer(): number {
    return 0;
  }

  send(frame: Frame): Sent {
    if (!this.wire) return this.drop('disconnected', frame);
    if (frame.length > this.limits.maxFrameBytes) return this.drop('tooLong', frame);
    if (this.full || !this.wire.write(frame)) {
      this.full = true;
      this.count.toldFull++;
      return Sent.full;
    }
    this.count.outFrames++;
    this.count.outBytes += frame.length;
    return Sent.taken;
  }

  flush(): void {
    this.wire?.flush?.();
  }

  room(): void {
    this.invitations++;
    // The receiver may come back here from within: then the round that is under way goes once more.
    if (this.resending) return;
    this.resending = true;
    try {
      this.resend();
    } finally {
      this.resending = false;
    }
    this.peer?.flush();
    this.resumeWire();
  }

  attach(peer: Port | undefined): void {
    this.peer = peer;
    // What waited was for those behind the port that is gone.
    if (!peer) this.dropHeld('unconnected');
  }

  /** For the wire: somebody is at the other end. */
  open(wire: Wire): void {
    this.wire = wire;
    if (this.paused) wire.pause?.();
    this.writable();
  }

  /** For the wire: nobody is there any more. */
  shut(): void {
    this.wire = undefined;
    this.writable();
  }

  /** For the wire: there is room again after `write` answered false. */
  writable(): void {
    if (!this.full) return;
    this.full = false;
    this.peer?.room();
  }

  /**
   * For the wire: a frame came in, the bytes from `start` on. They are copied if they have to wait.
   * `endOfBurst` is to follow.
   */
  receive(bytes: Uint8Array, start = 0, length = bytes.length - start): void {
    if (length > this.limits.maxFrameBytes) return void this.drop('tooLong');
    this.count.inFrames++;
    this.count.inBytes += length;
    if (!this.pass(bytes, start, length)) this.hold(bytes.slice(start, start + length));
  }

  /** For the wire: all that had come by now was given. */
  endOfBurst(): void {
    this.peer?.flush();
  }

  /** Counts a frame as lost. */
  drop(reason: DropReason, frame?: Frame): Sent {
    countDrop(this.count, reason, frame);
    return Sent.dropped;
  }

  /** A plain copy of the counters. */
  counters(): WireCounters {
    const dropped = { ...this.count.dropped };
    return { ...this.count, connected: this.listening, waitingFrames: this.held.length, dropped };
  }

  /** To the switch; false where it has no room for it. */
  private pass(bytes: Uint8Array, start: number, length: number): boolean {
    const { peer } = this;
    if (!peer) {
      this.drop('unconnected');
      return true;
    }
    const frame = this.incoming.start(0).add(bytes, start, length);
    return peer.send(frame, peer.steer(frame)) !== Sent.full;
  }

  private hold(bytes: Uint8Array): void {
    const { heldFrames, heldBytes } = this.limits;
    if (this.held.length >= heldFrames || this.heldBytes + bytes.length > heldBytes)
      return void this.drop('backlogFull');
    this.held.push(bytes);
    this.heldBytes += bytes.length;
    if (this.paused || !this.tooMuch(2)) return;
    this.paused = true;
    this.count.pauses++;
    this.wire?.pause?.();
  }

  /** Whether more waits than this part of what may. */
  private tooMuch(part: number): boolean {
    return this.held.length * part >= this.limits.heldFrames || this.heldBytes * part >= this.limits.heldBytes;
  }

  private resumeWire(): void {
    if (!this.paused || this.tooMuch(4)) return;
    this.paused = false;
    this.wire?.resume?.();
  }

  /** All that waits, oldest first: what is for somebody who has no room goes on waiting, the rest passes it. */
  private resend(): void {
    let seen = this.invitations;
    for (let i = 0; i < this.held.length;) {
      const bytes = this.held[i];
      if (this.pass(bytes, 0, bytes.length)) {
        // The port may have been closed within.
        if (this.held[i] !== bytes) return;
        this.held.splice(i, 1);
        this.heldBytes -= bytes.length;
      } else {
        i++;
      }
      if (seen !== this.invitations) i = 0;
      seen = this.invitations;
    }
  }

  private dropHeld(reason: DropReason): void {
    for (let i = this.held.length; i > 0; i--) this.drop(reason);
    this.held = [];
    this.heldBytes = 0;
    this.resumeWire();
  }
}
