import { allOffloads, connect, Frame, gsoType, Sent, type Port } from '../../net/index.js';
import type { Offload, Wire, WireFrame } from './target.js';

/** The other end of a link to one of our cards. It takes every frame, and keeps what the card has no room for. */
export class CardWire implements Wire {
  private readonly card: Port;
  private readonly frame = new Frame();
  private taken: WireFrame[] = [];
  private waiting: { bytes: Uint8Array; lane: number }[] = [];

  constructor(card: Port) {
    this.card = card;
    connect(card, this.port());
  }

  send(...frames: readonly Uint8Array[]): Promise<void> {
    for (const bytes of frames) this.pass(bytes, this.card.steer(this.describe(bytes)));
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
        for (const { bytes, lane } of waiting) this.pass(bytes, lane);
        this.card.flush();
      },
      attach: () => undefined,
    };
  }

  /** Nobody overtakes a frame that waits. */
  private pass(bytes: Uint8Array, lane: number): void {
    const blocked = this.waiting.some((other) => other.lane === lane);
    if (blocked || this.card.send(this.describe(bytes), lane) === Sent.full) this.waiting.push({ bytes, lane });
  }

  private describe(bytes: Uint8Array): Frame {
    return this.frame.start(0).add(bytes, 0, bytes.length);
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
  };
}
