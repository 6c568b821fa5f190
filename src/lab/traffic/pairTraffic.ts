import { LocalMemory } from '../../driver/local/memory.js';
import type { LocalPair } from '../../driver/local/pair.js';
import { FlowChecker, lengthOf, shortFrame, writeData, writeHeaders, writeNumber } from './flow.js';
import { drivePair, headRoom, type PairPlace } from './place.js';

/** What a pair is to send. */
export interface Sending {
  readonly flow: number;
  /** Frames to send in all. */
  readonly frames: number;
  /** Lengths vary, and each byte is looked at when it is received; all frames are short when left out. */
  readonly thorough?: boolean;
}

/** Frames that are put into the ring before the device is told of them. */
const burst = 64;

/** A pair of queues at work: it sends numbered frames of one flow, and checks what it receives. */
export class PairTraffic {
  readonly pair: LocalPair;
  readonly checker: FlowChecker;
  /** Frames sent. */
  sent = 0;
  received = 0;
  private readonly memory: LocalMemory;
  private readonly sending: Sending;
  private readonly signals: Int32Array;
  private readonly signal: number;
  /** Places for frames that the device does not have. */
  private readonly spare: Float64Array;
  private spares: number;

  /** @param memory the machine's RAM. @param notify of a queue */
  constructor(memory: SharedArrayBuffer, place: PairPlace, sending: Sending, notify: (queue: number) => void) {
    const { frames, signal } = place;
    this.memory = new LocalMemory(new Uint8Array(memory));
    this.sending = sending;
    this.checker = new FlowChecker(this.memory, sending.thorough ?? false);
    this.signals = new Int32Array(memory);
    this.signal = signal / 4;
    this.spare = Float64Array.from({ length: frames.count }, (_, i) => frames.address + headRoom + frames.bytes * i);
    this.spares = frames.count;
    for (const address of this.spare) writeHeaders(this.memory.bytes, address, sending.flow);
    this.pair = drivePair(this.memory, place, notify);
  }

  /** Takes what there is, and sends a burst. Answers whether anything happened. */
  step(): boolean {
    const received = this.receive();
    return this.send() > 0 || received > 0;
  }

  /** Whether the device has given back all that was to be sent. */
  get isSent(): boolean {
    return this.sent === this.sending.frames && this.spares === this.spare.length;
  }

  /** Looks whether frames were sent that the device still has. */
  reclaim(): void {
    const { transmitter } = this.pair;
    for (let address = transmitter.take(); address >= 0; address = transmitter.take())
      this.spare[this.spares++] = address;
  }

  /** Has the device interrupt, or not. Answers whether there is something to do already. */
  wantInterrupts(wanted: boolean): boolean {
    const wish = wanted ? 'always' : 'never';
    const received = this.pair.receiver.ring.wantInterrupts(wish);
    const sent = this.pair.transmitter.ring.wantInterrupts(wish);
    return received || sent;
  }

  /** Forgets the interrupt that came last. */
  acknowledge(): void {
    Atomics.store(this.signals, this.signal, 0);
  }

  /** Waits for an interrupt since `acknowledge`. Answers false when none comes. */
  wait(milliseconds: number): boolean {
    return Atomics.wait(this.signals, this.signal, 0, milliseconds) !== 'timed-out';
  }

  /** Wakes whoever waits, without an interrupt. */
  static wake(memory: SharedArrayBuffer, { signal }: PairPlace): void {
    const words = new Int32Array(memory);
    Atomics.store(words, signal / 4, 1);
    Atomics.notify(words, signal / 4);
  }

  private receive(): number {
    const { receiver } = this.pair;
    let count = 0;
    for (let length = receiver.next(); length >= 0; length = receiver.next()) {
      this.checker.check(length, receiver.parts, receiver.count);
      count++;
    }
    if (count > 0) receiver.fill();
    this.received += count;
    return count;
  }

  private send(): number {
    const { transmitter } = this.pair;
    const { flow, frames, thorough } = this.sending;
    const { bytes } = this.memory;
    this.reclaim();
    let count = 0;
    while (count < burst && this.spares > 0 && this.sent < frames) {
      const address = this.spare[this.spares - 1];
      const length = thorough ? lengthOf(flow, this.sent) : shortFrame;
      if (thorough) writeData(bytes, address, length, flow, this.sent);
      else writeNumber(bytes, address, this.sent);
      if (!transmitter.send(address, length)) break;
      this.spares--;
      this.sent++;
      count++;
    }
    if (count > 0) transmitter.flush();
    return count;
  }
}
