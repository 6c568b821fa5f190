import { ethernetHeaderBytes, type Frame } from '../net/link/frame.js';
import { Sent, type Port } from '../net/link/port.js';
import type { Clock } from '../virtio/clock.js';
import type { FabricPortCounters } from './counters.js';
import { Lane, type LaneLimits } from './lane.js';
import { switchLimits } from './limits.js';
import { MacTable } from './macTable.js';
import { SwitchPort, type SwitchPortOptions } from './switchPort.js';

export interface SwitchOptions extends Partial<LaneLimits> {
  clock: Clock;
  /** How long a station is remembered that is not heard of, in milliseconds; default 300,000 (802.1D-2004, table 7-5). */
  ageing?: number;
  /** How many stations are remembered, 1 to 1,048,576; default 4096. */
  stations?: number;
  /**
   * Frames that may wait for one lane of one receiver, 1 to 1,048,576; default 256. Of those that go to several receivers,
   * broadcasts above all, whose senders are never paused, as many again may wait.
   */
  backlogFrames?: number;
  /** Their bytes, from 131,072, which holds any frame, to 1 GiB; default 1,048,576. Those for several: 131,072 again. */
  backlogBytes?: number;
  /** How long a frame may wait for a receiver that takes nothing, 0 to 3,600,000 milliseconds; default 5000. */
  deadline?: number;
}

/** The counters of a switch, as plain data. */
export interface SwitchCounters {
  ports: FabricPortCounters[];
}

/**
 * A learning Ethernet switch (IEEE 802.1D-2004, clause 7) between any number of ports. It knows no VLANs: tagged frames
 * are relayed as they are and one table serves all. It takes part in no spanning tree: a loop of switches is a storm, and
 * the reserved group addresses are flooded like any other.
 *
 * Lossless by default: see `Lane` for what happens when a receiver has no room.
 */
export class Switch {
  private readonly clock: Clock;
  private readonly limits: LaneLimits;
  private readonly table: MacTable<SwitchPort>;
  /** Replaced, never changed, so that a loop over it stands when a receiver adds or removes a port. */
  private ports: readonly SwitchPort[] = [];
  private readonly dirty: SwitchPort[] = [];
  private flushing = false;
  /** When the burst that is under way began, in milliseconds: all of it is of one moment. Undefined between bursts. */
  private moment: number | undefined;
  private cancelWatch: (() => void) | undefined;

  /** @throws RangeError for an option out of its range */
  constructor(options: SwitchOptions) {
    const { clock, ageing = 300_000 } = options;
    const { stations, ...limits } = switchLimits(options);
    this.clock = clock;
    this.limits = limits;
    this.table = new MacTable(stations, ageing);
  }

  /** A new port, to be joined with a card by `connect`. The name is for people. */
  addPort(name: string, options: SwitchPortOptions = {}): SwitchPort {
    const port = new SwitchPort(this, name, options);
    this.ports = [...this.ports, port];
    return port;
  }

  /** Takes a port away and disconnects its card. What waited for it is dropped and counted as `unconnected`. */
  removePort(port: Port): void {
    const known = this.ports.find((other) => other === port);
    if (!known) return;
    this.ports = this.ports.filter((other) => other !== known);
    known.remove();
  }

  /** Removes every port and leaves no timer behind. */
  close(): void {
    for (const port of this.ports) this.removePort(port);
    this.cancelWatch?.();
    this.cancelWatch = undefined;
  }

  /** A plain copy of the counters of all ports. */
  counters(): SwitchCounters {
    return { ports: this.ports.map((port) => port.counters()) };
  }

  /** For the ports: a frame that came in. */
  relay(frame: Frame, from: SwitchPort, lane: Lane): Sent {
    const sent = this.forward(frame, from, lane);
    if (sent !== Sent.full) lane.countIn(frame);
    return sent;
  }

  /** For the ports: the end of a burst. Every receiver that got something of it is flushed once. */
  flush(): void {
    this.moment = undefined;
    // A receiver may send and flush while it is flushed: the loop that is under way sees to that too.
    if (this.flushing) return;
    this.flushing = true;
    try {
      for (let port = this.dirty.pop(); port; port = this.dirty.pop()) {
        port.dirty = false;
        port.peer?.flush();
      }
    } finally {
      this.flushing = false;
    }
  }

  /** For the ports: this one is due a flush. */
  delivered(port: SwitchPort): void {
    this.dirty.push(port);
  }

  /** For the ports: forgets the stations behind one. */
  forget(port: SwitchPort): void {
    this.table.forget(port);
  }

  /** For the ports: a frame began to wait. One timer serves all lanes, and is never later than the first deadline. */
  watch(): void {
    this.cancelWatch ??= this.clock.after(this.limits.deadline, () => this.expire());
  }

  newLane(port: SwitchPort, index: number): Lane {
    return new Lane(port, index, this.clock, this.limits);
  }

  private forward(frame: Frame, from: SwitchPort, lane: Lane): Sent {
    if (!from.peer) return lane.drop(frame, 'unconnected');
    if (frame.length < ethernetHeaderBytes) return lane.drop(frame, 'runt');
    if (frame.length > this.limits.backlogBytes) return lane.drop(frame, 'tooLong');
    const { bytes, start } = frame.head();
    const now = (this.moment ??= this.clock.now());
    this.table.learn(bytes, start + sourceAddress, from, now);
    const to = this.table.find(bytes, start + destinationAddress, now);
    if (!to) return this.flood(frame, from, lane);
    if (!from.isBeside(to)) return to.offer(frame, from);
    lane.countFiltered();
    return Sent.dropped;
  }

  /** To every other card that listens. Where there is just one, the frame is for it alone, and lossless as such. */
  private flood(frame: Frame, from: SwitchPort, lane: Lane): Sent {
    const ports = this.ports;
    let receivers = 0;
    let last: SwitchPort | undefined;
    for (const port of ports) {
      if (from.isBeside(port) || !port.peer?.listening) continue;
      receivers++;
      last = port;
    }
    if (!last) {
      lane.countFiltered();
      return Sent.dropped;
    }
    if (receivers === 1) return last.offer(frame, from);
    let copies = 0;
    for (const port of ports) {
      if (from.isBeside(port) || !port.peer?.listening) continue;
      port.offerCopy(frame);
      copies++;
    }
    lane.countFloodCopies(copies - 1);
    return Sent.taken;
  }

  private expire(): void {
    const now = this.clock.now();
    for (const port of this.ports) for (const lane of port.used) lane.expire(now);
    let next = Infinity;
    for (const port of this.ports) for (const lane of port.used) next = Math.min(next, lane.due());
    // Whole milliseconds: what rounding leaves of one would be waited for again and again.
    const left = Math.ceil(Math.max(0, next - now));
    this.cancelWatch = next === Infinity ? undefined : this.clock.after(left, () => this.expire());
    this.flush();
  }
}

/** Offsets of the addresses in a frame. */
const destinationAddress = 0;
const sourceAddress = 6;
