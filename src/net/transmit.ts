import type { DescriptorChain } from '../virtio/chain.js';
import type { ActiveQueue } from '../virtio/device.js';
import type { GuestMemory } from '../virtio/memory.js';
import { DriverFault } from '../virtio/rules.js';
import { addToFrame, readStart } from './chainBytes.js';
import { countDrop, type DropReason, type LaneCounters } from './link/counters.js';
import { ethernetHeaderBytes, Frame, gsoType } from './link/frame.js';
import type { PacketHeader } from './header.js';
import { Sent } from './link/port.js';
import type { TransmitStatistics } from './queueStatistics.js';

/** Hands a frame on, for the first time or again; a reason instead of an answer says why it is lost. */
export type FrameOut = (frame: Frame, again: boolean) => Sent | DropReason;

/** What a lane needs of its card. */
export interface TransmitCard {
  readonly memory: GuestMemory;
  /** As it was negotiated; lanes use it one after the other. */
  readonly header: PacketHeader;
  readonly out: FrameOut;
  /** The driver broke a rule, and the card goes on. */
  readonly violation: (fault: DriverFault) => void;
}

/** A frame that found no room: its buffer stays the device's until there is some, or until the deadline. */
interface Held {
  readonly chain: DescriptorChain;
  /** When it was first sent, in the clock's milliseconds. */
  readonly since: number;
}

/** A held frame in a saved state. */
export interface HeldState {
  /** The first descriptor of its buffer. */
  head: number;
  /** For how long it had waited, in milliseconds. */
  waited: number;
}

/**
 * The transmit half of a queue pair (virtio 5.1.6.1, 5.1.6.2). A frame that finds no room is held where it is, in the
 * guest's own buffer, and the frames behind it go on: they may be for somebody who has room.
 */
export class TransmitLane {
  private readonly lane: number;
  private readonly queue: ActiveQueue;
  private readonly memory: GuestMemory;
  private readonly counters: LaneCounters;
  private readonly header: PacketHeader;
  private readonly statistics: TransmitStatistics;
  private readonly out: FrameOut;
  private readonly violation: (fault: DriverFault) => void;
  private readonly frame = new Frame();
  private readonly held: Held[] = [];
  /** Nothing is taken from the queue, nor tried again. */
  stalled = false;
  private roomCame = false;
  /** Packets whose buffers were given back and not shown to the driver yet. */
  private fresh = 0;
  /** When a frame that was held got through last. */
  private progress = -Infinity;

  constructor(
    lane: number,
    queue: ActiveQueue,
    counters: LaneCounters,
    statistics: TransmitStatistics,
    card: TransmitCard,
  ) {
    this.lane = lane;
    this.queue = queue;
    this.memory = card.memory;
    this.counters = counters;
    this.statistics = statistics;
    this.header = card.header;
    this.out = card.out;
    this.violation = card.violation;
  }

  /**
   * Since when the frame that waits longest has seen none of those that wait get through, or undefined when none waits
   * or the queue is paused.
   */
  get waitingSince(): number | undefined {
    return this.queue.paused || this.held.length === 0 ? undefined : Math.max(this.held[0].since, this.progress);
  }

  /** The frames that are held, oldest first. */
  save(now: number): HeldState[] {
    return this.held.map(({ chain, since }) => ({ head: chain.head, waited: now - since }));
  }

  /** Takes up the frames that were held when the device was saved; there may be room for them now. @throws DriverFault */
  restore(held: readonly HeldState[], now: number): void {
    for (const { head, waited } of held) this.held.push({ chain: this.queue.retake(head), since: now - waited });
    this.roomCame = true;
  }

  get holds(): boolean {
    return this.held.length > 0;
  }

  /** Sends what is held, and then, unless it may not take more, what the driver made available. @throws DriverFault */
  transmit(now: number, taking = true): void {
    if (this.stalled) return;
    for (;;) {
      this.retry(now);
      if (!taking) return;
      const chain = this.queue.next();
      if (chain) {
        if (!this.send(chain, false)) this.held.push({ chain, since: now });
      } else if (!this.queue.wantNotifications(true)) {
        return;
      }
    }
  }

  /** There may be room again, and it belongs to what is held before it belongs to anything newer. */
  room(): void {
    this.roomCame = true;
  }

  /** Drops what waits since a time that is too long ago. */
  expire(tooLong: (since: number) => boolean): void {
    while (tooLong(this.waitingSince ?? Infinity)) this.finish(this.held.shift()!.chain, 'deadline');
  }

  /** Drops what is held without giving the buffers back: the driver is gone. */
  abandon(): void {
    for (let i = this.held.length; i > 0; i--) countDrop(this.counters, 'reset');
    this.statistics.drops += this.held.length;
    this.held.length = 0;
  }

  /** Makes visible to the driver what was sent or lost; answers how many packets that were. */
  show(): number {
    if (this.queue.paused) return 0;
    this.queue.show();
    const packets = this.fresh;
    this.fresh = 0;
    return packets;
  }

  /** Sends what is held, oldest first, if there may be room; from the start again if room came meanwhile. */
  private retry(now: number): void {
    if (!this.roomCame || this.queue.paused) return;
    let i = 0;
    while (this.roomCame || i < this.held.length) {
      if (this.roomCame) {
        this.roomCame = false;
        i = 0;
      } else if (this.send(this.held[i].chain, true)) {
        this.held.splice(i, 1);
        this.progress = now;
      } else {
        i++;
      }
    }
  }

  /** Sends the packet in a chain and gives the chain back, or answers false when it must wait. */
  private send(chain: DescriptorChain, again: boolean): boolean {
    if (chain.writableLength > 0) {
      throw new DriverFault('transmit-writable', `${chain.writableLength} device-writable bytes`, this.queue.index);
    }
    const { header, frame } = this;
    const headerBytes = header.length;
    if (chain.readableLength < headerBytes) {
      throw new DriverFault('transmit-header', `${chain.readableLength} bytes`, this.queue.index);
    }
    addToFrame(chain, this.memory, headerBytes, frame.start(this.lane));
    const answer = this.describe(chain, again) ?? this.out(frame, again);
    if (answer === Sent.full) return false;
    this.finish(chain, typeof answer === 'string' ? answer : undefined);
    return true;
  }

  /** Describes the frame as its header says; a reason when the packet is of no use. @throws DriverFault */
  private describe(chain: DescriptorChain, again: boolean): DropReason | undefined {
    if (this.frame.length < ethernetHeaderBytes) return 'runt';
    const { bytes } = this.memory;
    const at = chain.addresses[0];
    // Of most headers this is all that is ever looked at.
    if (chain.lengths[0] >= 2 && bytes[at] === 0 && bytes[at + 1] === gsoType.none) return undefined;
    readStart(chain, this.memory, this.header.sent);
    const wrong = this.header.read(this.frame);
    if (!wrong) return undefined;
    const { notNegotiated, detail } = wrong;
    if (notNegotiated) throw new DriverFault('transmit-offload', detail, this.queue.index);
    if (!again) this.violation(new DriverFault('transmit-header-fields', detail, this.queue.index));
    return 'badOffload';
  }

  private finish(chain: DescriptorChain, lost: DropReason | undefined): void {
    if (lost) {
      countDrop(this.counters, lost);
      if (lost === 'runt' || lost === 'badOffload') this.statistics.malformed();
      else this.statistics.drops++;
    } else {
      this.statistics.passed(this.frame);
      this.counters.txFrames++;
      this.counters.txBytes += chain.readableLength - this.header.length;
    }
    this.fresh++;
    this.queue.complete(chain, 0);
  }
}
