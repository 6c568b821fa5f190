import { Frame } from '../../src/net/link/frame.js';
import { allOffloads } from '../../src/net/link/offloads.js';
import { connect, Sent, type Port } from '../../src/net/link/port.js';
import type { TestMachine } from './machine.js';

/** What a card is plugged into: it keeps what the card sends, and has room or has none, as a test likes. */
export class TestWire implements Port {
  readonly name = 'wire';
  lanes = 1;
  listening = true;
  offloads: number = allOffloads;
  /** Frames that the card sent. */
  sent: { lane: number; bytes: Uint8Array }[] = [];
  /** What the packet header said of each, in a frame without bytes. */
  described: Frame[] = [];
  /** What the card's frames are answered. */
  answer: Sent | ((frame: Uint8Array) => Sent) = Sent.taken;
  flushes = 0;
  rooms = 0;
  private card!: Port;
  private readonly machine: TestMachine | undefined;
  private waiting: { bytes: Uint8Array; lane: number }[] = [];

  constructor(card: Port, machine?: TestMachine) {
    this.machine = machine;
    this.plugInto(card);
  }

  /** Another card than before, or the same one again. */
  plugInto(card: Port): void {
    this.card = card;
    connect(card, this);
  }

  attach(): void {
    // The card is known from the start.
  }

  steer(): number {
    return 0;
  }

  send(frame: Frame): Sent {
    const bytes = frame.toBytes();
    const answer = typeof this.answer === 'function' ? this.answer(bytes) : this.answer;
    if (answer === Sent.taken) {
      this.sent.push({ lane: frame.lane, bytes });
      this.described.push(new Frame().start(frame.lane).describeAs(frame));
    }
    return answer;
  }

  flush(): void {
    this.flushes++;
  }

  /** The card has room: what waits goes to it, in its order, on the lane for which it waited. */
  room(): void {
    this.rooms++;
    const waiting = this.waiting.splice(0);
    for (const { bytes, lane } of waiting) this.pass(bytes, lane);
    if (waiting.length > 0) this.card.flush();
  }

  /** A burst of frames for the card; what it has no room for waits here until it says that it has. */
  deliver(...frames: Uint8Array[]): Sent[] {
    return this.watch(() => {
      const answers = frames.map((bytes) => this.pass(bytes));
      this.card.flush();
      return answers;
    });
  }

  /** One frame, without the end of its burst. */
  pass(bytes: Uint8Array, lane = this.card.steer(frameOf(bytes))): Sent {
    // Nobody overtakes a frame that waits.
    const blocked = this.waiting.some((other) => other.lane === lane);
    const answer = blocked ? Sent.full : this.card.send(frameOf(bytes), lane);
    if (answer === Sent.full) this.waiting.push({ bytes, lane });
    return answer;
  }

  /** The wire has room for all the card's frames. */
  giveRoom(): void {
    this.answer = Sent.taken;
    this.tellRoom();
  }

  /** The wire may have room, as its answers will show. */
  tellRoom(): void {
    this.watch(() => this.card.room());
  }

  private watch<T>(work: () => T): T {
    return this.machine ? this.machine.watch(work) : work();
  }
}

/** A frame of ranges whose bounds lie in no special place. */
export function frameOf(bytes: Uint8Array, lane = 0): Frame {
  const frame = new Frame().start(lane);
  for (let at = 0, size = 7; at < bytes.length; at += size, size = size * 3 + 1) {
    frame.add(bytes, at, Math.min(size, bytes.length - at));
  }
  return frame;
}
