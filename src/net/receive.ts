import type { DescriptorChain } from '../virtio/chain.js';
import type { ActiveQueue } from '../virtio/device.js';
import type { GuestMemory } from '../virtio/memory.js';
import { DriverFault } from '../virtio/rules.js';
import { WrittenPages } from '../virtio/writtenPages.js';
import { fillChain, type Prefix } from './chainBytes.js';
import type { ReceiveStatistics } from './queueStatistics.js';
import { countDrop, type LaneCounters } from './link/counters.js';
import type { Frame } from './link/frame.js';
import type { PacketHeader } from './header.js';
import { Sent } from './link/port.js';

const nothing: Prefix = { data: new DataView(new ArrayBuffer(0)), length: 0 };

/** The receive half of a queue pair: puts frames into the guest's receive buffers (virtio 5.1.6.3, 5.1.6.4). */
export class ReceiveLane {
  /** Somebody was told that there is no room, and waits; also while there was no queue here. */
  private starved = true;
  /** Packets that were received and not shown to the driver yet. */
  fresh = 0;
  private readonly queue: ActiveQueue;
  private readonly memory: GuestMemory;
  private readonly pages: WrittenPages;
  private readonly mergeable: boolean;
  private readonly counters: LaneCounters;
  private readonly header: PacketHeader;
  private readonly statistics: ReceiveStatistics;
  /** The first `taken` of them are the buffers for a frame. */
  private readonly chains: DescriptorChain[] = [];
  private taken = 0;

  /** @param mergeable VIRTIO_NET_F_MRG_RXBUF was negotiated */
  constructor(
    queue: ActiveQueue,
    memory: GuestMemory,
    header: PacketHeader,
    mergeable: boolean,
    counters: LaneCounters,
    statistics: ReceiveStatistics,
  ) {
    this.queue = queue;
    this.memory = memory;
    this.pages = new WrittenPages(memory);
    this.header = header;
    this.mergeable = mergeable;
    this.counters = counters;
    this.statistics = statistics;
    // Buffers are wanted only when there are none: until then the driver need not tell of each.
    queue.wantNotifications(false);
  }

  /** @throws DriverFault */
  receive(frame: Frame): Sent {
    // A smaller frame must not overtake the one that waits.
    if (this.starved) return Sent.full;
    const room = this.takeBuffers(frame);
    if (room !== Sent.taken) return room;
    const { chains, counters, memory, pages, queue } = this;
    this.header.write(frame, this.taken);
    let prefix = this.header.prefix;
    let sent = 0;
    for (let i = 0; i < this.taken; i++) {
      const chain = chains[i];
      const written = fillChain(chain, memory, pages, prefix, frame, sent);
      sent += written - prefix.length;
      prefix = nothing;
      queue.complete(chain, written);
    }
    this.fresh++;
    this.statistics.passed(frame);
    counters.rxFrames++;
    counters.rxBytes += frame.length;
    return Sent.taken;
  }

  /** Makes what was received visible to the driver; answers how many packets that were. */
  show(): number {
    this.tellWritten();
    if (this.queue.paused) return 0;
    this.queue.show();
    const packets = this.fresh;
    this.fresh = 0;
    return packets;
  }

  /** Tells the emulator what was received: before the driver sees it, and before its memory is the guest's again. */
  tellWritten(): void {
    this.pages.tell();
  }

  /** Somebody is told, not by this lane, that there is no room, and waits. */
  starve(): void {
    this.starved = true;
  }

  /** Those who wait are about to try again. True when there is anybody. */
  reopen(): boolean {
    if (!this.starved) return false;
    this.starved = false;
    this.queue.wantNotifications(false);
    return true;
  }

  /** Takes buffers for the frame and its header; on any other answer than `taken` none is. */
  private takeBuffers(frame: Frame): Sent {
    const bytes = this.header.length + frame.length;
    let room = 0;
    this.taken = 0;
    while (room < bytes) {
      const chain = this.queue.next();
      if (!chain) {
        // The last look after asking for a notification: a buffer that came in between is not told of any more.
        if (this.queue.wantNotifications(true)) continue;
        this.starved = true;
        return this.giveUp(Sent.full);
      }
      this.chains[this.taken++] = chain;
      this.check(chain);
      room += chain.writableLength;
      const fits = this.mergeable && this.taken < this.queue.size;
      if (room < bytes && !fits) {
        countDrop(this.counters, 'noBufferFits', frame);
        this.statistics.overrun();
        return this.giveUp(Sent.dropped);
      }
    }
    return Sent.taken;
  }

  private giveUp(answer: Sent): Sent {
    while (this.taken > 0) this.queue.rewind(this.chains[--this.taken]);
    return answer;
  }

  private check(chain: DescriptorChain): void {
    if (chain.readableCount > 0) {
      throw new DriverFault('receive-readable', `${chain.readableLength} device-readable bytes`, this.queue.index);
    }
    if (chain.writableLength < this.header.length) {
      throw new DriverFault('receive-buffer-size', `${chain.writableLength} bytes`, this.queue.index);
    }
  }
}
