import { ReceiveBuffer } from './receiveBuffer.js';
import { flag, type Segment } from './segment.js';
import { isAfter, offset, plus } from './sequence.js';

/** Acknowledgements of the same byte that are sent at the end of a burst: enough to have the sender send again. */
const mostRepeats = 8;

/** The receiving half of a connection: what came, and what is to be said of that. */
export class Receiver {
  readonly buffer: ReceiveBuffer;
  /** RCV.NXT (RFC 9293, 3.3.1). */
  next: number;
  /** All came, up to the end of the stream. */
  finished = false;
  /** By how much the windows that are told are shifted. */
  scale = 0;
  private readonly capacity: number;
  private readonly mss: number;
  /** The end of the window that was told last. */
  private edge: number;
  private fin: number | undefined;
  private due = false;
  private repeats = 0;

  /** @param initial the sequence number of the other end's SYN */
  constructor(initial: number, capacity: number, mss: number) {
    this.capacity = capacity;
    this.mss = mss;
    this.buffer = new ReceiveBuffer(capacity);
    this.next = this.edge = plus(initial, 1);
  }

  /** How many acknowledgements are to be sent. */
  get acknowledgements(): number {
    return Math.max(this.due || this.widened ? 1 : 0, this.repeats);
  }

  /** Whether a segment lies near enough to what is expected for what it says to be believed (RFC 9293, 3.10.7.4). */
  isNear({ sequence }: Segment): boolean {
    return Math.abs(offset(this.next, sequence)) <= this.capacity;
  }

  /** An acknowledgement is to be sent, whatever came. */
  acknowledge(): void {
    this.due = true;
  }

  /** Something was sent, and so all acknowledged. */
  told(): void {
    this.due = false;
    this.repeats = 0;
  }

  /** The window for the header of what is sent now. */
  window(scale = this.scale): number {
    const window = this.scaled(scale);
    const edge = plus(this.next, window * 2 ** scale);
    if (isAfter(edge, this.edge)) this.edge = edge;
    return window;
  }

  /** Takes what a segment carries. */
  accept(segment: Segment): void {
    if (segment.span === 0) return;
    if (this.finished) {
      this.acknowledge();
      return;
    }
    const ahead = offset(this.next, segment.sequence);
    const skip = Math.max(0, -ahead);
    const at = Math.max(0, ahead);
    const end = plus(segment.sequence, segment.length);
    const most = Math.min(this.buffer.window, this.fin === undefined ? Infinity : offset(this.next, this.fin)) - at;
    const length = Math.min(segment.length - skip, most);
    const before = this.next;
    const whole = length === segment.length - skip;
    if (length > 0) this.next = plus(before, this.buffer.put(at, segment.packet.frame, segment.start + skip, length));
    if (segment.has(flag.fin) && whole && this.fin === undefined) this.fin = end;
    if (this.next === this.fin) {
      this.finished = true;
      this.next = plus(this.next, 1);
    }
    this.due = true;
    this.repeats = this.next === before ? Math.min(mostRepeats, this.repeats + 1) : 0;
  }

  /** The window as a header has it, whose 16 bits may be too few for all that there is room for. */
  private scaled(scale: number): number {
    return Math.min(0xffff, this.buffer.window >>> scale);
  }

  /** The window that can be told is so much wider than was told that its sender should know (RFC 9293, 3.8.6.2.2). */
  private get widened(): boolean {
    if (this.finished) return false;
    const edge = plus(this.next, this.scaled(this.scale) * 2 ** this.scale);
    return offset(this.edge, edge) >= Math.min(this.capacity / 2, 2 * this.mss);
  }
}
