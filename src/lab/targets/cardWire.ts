import { allOffloads, connect, Frame, gsoType, neededOffloads, Sent, type Port } from '../../net/index.js';
import { Segments } from '../../net/link/segments.js';
import type { Offload, Wire, WireFrame } from './target.js';

/** The other end of a link to one of our cards. It takes every frame, and keeps what the card has no room for. */
export class CardWire implements Wire {
  private readonly card: Port;
  private readonly frame = new Frame();
  private taken: WireFrame[] = [];
  private readonly segments = new Segments();
  private waiting: { frame: WireFrame; lane: number }[] = [];

  constructor(card: Port) {
    this.card = card;
    connect(card, this.port());
  }

  send(...frames: readonly Uint8Array[]): Promise<void> {
    return this.sendOffloaded(...frames.map((bytes) => ({ bytes })));
  }

  sendOffloaded(...frames: readonly WireFrame[]): Promise<void> {
    for (const frame of frames.flatMap((frame) => this.finished(frame))) {
      this.pass(frame, this.card.steer(this.describe(frame)));
    }
    this.card.flush();
    return Promise.resolve();
  }

  take(): Promise<WireFrame[]> {
    const taken = this.taken;
    this.taken = [];
    return Promise.resolve(taken);
  }

  private port(): Port {
    return {
      name: 'wire',
      lanes: 1,
      listening: true,
      offloads: allOffloads,
      steer: () => 0,
      send: (frame) => {
        this.taken.push(wireFrame(frame));
        return Sent.taken;
      },
      flush: () => undefined,
      room: () => {
        const waiting = this.waiting;
        this.waiting = [];
        for (const { frame, lane } of waiting) this.pass(frame, lane);
        this.card.flush();
      },
      attach: () => undefined,
    };
  }

  /** The frame as the card takes it: as it is, or what software makes of it. */
  private finished(frame: WireFrame): WireFrame[] {
    const { offloads } = this.card;
    const whole = this.describe(frame);
    if ((neededOffloads(whole) & ~offloads) === 0) return [frame];
    if (!this.segments.start(whole, offloads)) throw new RangeError('the offload does not fit the frame');
    const parts: WireFrame[] = [];
    for (let part = this.segments.next(); part; part = this.segments.next()) parts.push(wireFrame(part));
    return parts;
  }

  /** Nobody overtakes a frame that waits. */
  private pass(frame: WireFrame, lane: number): void {
    const blocked = this.waiting.some((other) => other.lane === lane);
    if (blocked || this.card.send(this.describe(frame), lane) === Sent.full) this.waiting.push({ frame, lane });
  }

  private describe({ bytes, offload }: WireFrame): Frame {
    const frame = this.frame.start(0).add(bytes, 0, bytes.length);
    if (!offload) return frame;
    const { needsChecksum, checksumStart, checksumOffset, gsoType: gso, gsoSize, ecn: gsoEcn, tunnel } = offload;
    Object.assign(frame, { needsChecksum, checksumStart, checksumOffset, gso, gsoSize, gsoEcn });
    if (!tunnel) return frame;
    const { version, checksum: tunnelChecksum, outerTransport, innerNetwork } = tunnel;
    return Object.assign(frame, { tunnel: version, tunnelChecksum, outerTransport, innerNetwork });
  }
}

function wireFrame(frame: Frame): WireFrame {
  const bytes = frame.toBytes();
  const plain = !frame.needsChecksum && frame.gso === gsoType.none;
  return plain ? { bytes, pair: frame.lane } : { bytes, pair: frame.lane, offload: offloadOf(frame) };
}

function offloadOf(frame: Frame): Offload {
  return {
    needsChecksum: frame.needsChecksum,
    checksumStart: frame.checksumStart,
    checksumOffset: frame.checksumOffset,
    gsoType: frame.gso,
    gsoSize: frame.gsoSize,
    ecn: frame.gsoEcn,
    ...(frame.tunnel !== 0 && {
      tunnel: {
        version: frame.tunnel,
        checksum: frame.tunnelChecksum,
        outerTransport: frame.outerTransport,
        innerNetwork: frame.innerNetwork,
      },
    }),
  };
}
