import type { DropReason } from '../../net/link/counters.js';
import { ethernetHeaderBytes, Frame } from '../../net/link/frame.js';
import { contradiction, describeByHeader, writeHeader } from '../../net/link/packetHeader.js';
import { Sent, type Port } from '../../net/link/port.js';
import type { Clock } from '../../virtio/clock.js';
import { anyFrameBytes } from '../backlog.js';
import type { FabricPortCounters } from '../counters.js';
import type { Lane, Sender } from '../lane.js';
import { OuterPort } from '../outerPort.js';
import { PortError, portNumber } from '../portError.js';
import { closeDevice, headerBytes, openDevice, useQueue, type TapDevice } from './device.node.js';
import { Readiness } from './readiness.node.js';
import { errorName, loadSystemCalls, type SystemCalls } from './systemCalls.node.js';

export interface TapOptions {
  clock: Clock;
  /** Of the interface, up to 15 bytes; it is made if there is none, and goes with the port then. */
  name: string;
  /** The most queues that are used at once, from 1 to 256; default 1. All are used until `useLanes` says how many. */
  queues?: number;
  /** How long the port waits before it opens a tap again that somebody took away, in milliseconds; default 1000. */
  retry?: number;
}

export interface TapCounters extends FabricPortCounters {
  /** Queues in use now; 0 while there is no tap. */
  queues: number;
  /** Times that a tap was opened again. */
  reopened: number;
  /** What the system could not do, by its code. */
  errors: Record<string, number>;
}

/**
 * Opens a multiqueue tap of Linux as a port.
 * @throws PortError where there are no taps, or not this one for this user, or the package koffi is not installed
 */
export async function openTap(options: TapOptions): Promise<TapPort> {
  const { name, queues = 1 } = options;
  if (!/^[^\s/:%]{1,15}$/.test(name) || name === '.' || name === '..' || Buffer.byteLength(name) > 15) {
    throw new PortError(`'${name}' is no name of an interface, which has 1 to 15 letters and digits.`);
  }
  portNumber('queues', queues, { least: 1, most: 256 });
  const calls = await loadSystemCalls();
  return new TapPort(calls, openDevice(calls, name, queues), { ...options, queues });
}

/** A queue of the tap: what is read of it goes to the lane that the other end steers it to. */
interface Queue extends Sender {
  readonly descriptor: number;
  readonly index: number;
  /** A packet that the kernel gave; where a lane was full, it waits there, and `length` is not 0. */
  readonly bytes: Uint8Array;
  readonly frame: Frame;
  length: number;
  /** It waits until it can be written. */
  full: boolean;
}

/**
 * A multiqueue tap of Linux: each lane is a queue of its own, and the kernel sends a flow on the queue that the flow was
 * last received on. Frames pass with what they still ask for, both ways: a large segment stays whole.
 *
 * Nothing is read from a queue whose receiver has no room: then the kernel's own queue fills, and what does not fit there
 * is dropped and counted by it (`ip -s link`). It has no limit the other way.
 */
export class TapPort extends OuterPort implements Port {
  readonly offloads: number;
  private readonly calls: SystemCalls;
  private readonly queues: number;
  private readonly retry: number;
  private readonly readiness: Readiness;
  private readonly out = new Uint8Array(headerBytes + maxFrame);
  private readonly outHeader = this.out.subarray(0, headerBytes);
  /** Those of the tap that is open, those in use first; none while there is no tap. */
  private open: Queue[] = [];
  private used: number;
  private closed = false;
  private reopened = 0;
  private readonly errors: Record<string, number> = {};
  private cancelRetry: (() => void) | undefined;

  /** For `openTap`. */
  constructor(calls: SystemCalls, device: TapDevice, options: TapOptions & { queues: number }) {
    const { clock, name, queues, retry = 1000 } = options;
    super(name, clock, limits);
    this.calls = calls;
    this.queues = queues;
    this.retry = retry;
    this.offloads = device.offloads;
    this.used = queues;
    this.readiness = new Readiness(calls);
    this.start(device);
  }

  /** Queues in use. */
  get lanes(): number {
    return this.used;
  }

  get listening(): boolean {
    return this.open.length > 0;
  }

  steer(frame: Frame): number {
    return frame.lane % this.used;
  }

  /** Uses so many queues from now on: as many as the guest uses pairs. More than there are is as many as there are. */
  useLanes(count: number): void {
    const used = Math.min(Math.max(1, count), this.queues);
    const before = this.used;
    if (used === before) return;
    this.used = used;
    for (const queue of this.open) {
      const use = queue.index < used;
      if (use === queue.index < before) continue;
      const result = useQueue(this.calls, queue.descriptor, use);
      if (result < 0) this.count(result);
      if (use) this.watch(queue);
      else void this.readiness.unwatch([queue.descriptor]);
    }
    // Whoever waits for a queue that is out of use would wait in vain.
    if (used < before) this.makeRoom();
  }

  send(frame: Frame, index: number): Sent {
    const lane = this.all.at(index);
    const sent = this.write(frame, lane, this.open[index % this.used]);
    if (sent === Sent.full) lane.countFull();
    else lane.countIn(frame);
    return sent;
  }

  flush(): void {
    // Each frame was written when it was sent.
  }

  /** A plain copy of the counters. */
  counters(): TapCounters {
    const { open, used, reopened, errors } = this;
    return { ...this.all.counters(this.name), queues: Math.min(open.length, used), reopened, errors: { ...errors } };
  }

  /** Gives the tap back; one that the port made is gone then. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.cancelRetry?.();
    await this.stop();
    await this.readiness.close();
  }

  private start({ descriptors }: TapDevice): void {
    this.open = descriptors.map((descriptor, index) => this.newQueue(descriptor, index));
    for (const queue of this.open) {
      if (queue.index < this.used) this.watch(queue);
      else useQueue(this.calls, queue.descriptor, false);
    }
  }

  private newQueue(descriptor: number, index: number): Queue {
    const bytes = new Uint8Array(headerBytes + maxFrame);
    const queue: Queue = {
      ...{ descriptor, index, bytes, frame: new Frame(), length: 0, full: false },
      invite: () => {
        if (queue.length > 0 && this.pass(queue)) this.watch(queue);
      },
    };
    return queue;
  }

  private async stop(): Promise<void> {
    const { open } = this;
    this.open = [];
    this.makeRoom(open);
    for (const queue of open) queue.length = 0;
    const descriptors = open.map(({ descriptor }) => descriptor);
    await this.readiness.unwatch(descriptors);
    closeDevice(descriptors);
  }

  private watch(queue: Queue): void {
    if (this.open[queue.index] !== queue || queue.index >= this.used) return;
    if (queue.full) this.readiness.watch(queue.descriptor, () => this.writable(queue), 'out');
    else this.readiness.watch(queue.descriptor, () => this.read(queue));
  }

  private writable(queue: Queue): void {
    queue.full = false;
    this.watch(queue);
    this.peer?.room();
  }

  private makeRoom(queues = this.open): void {
    for (const queue of queues) queue.full = false;
    this.peer?.room();
  }

  private write(frame: Frame, lane: Lane, queue: Queue | undefined): Sent {
    if (frame.length < ethernetHeaderBytes) return lane.drop(frame, 'runt');
    if (frame.length > maxFrame) return lane.drop(frame, 'tooLong');
    if (!queue) return lane.drop(frame, 'linkDown');
    if (queue.full) return Sent.full;
    writeHeader(frame, this.outHeader);
    frame.copy(0, frame.length, this.out, headerBytes);
    const result = this.calls.write(queue.descriptor, this.out, headerBytes + frame.length);
    if (result >= 0) return Sent.taken;
    const code = errorName(result);
    if (code === 'EAGAIN') {
      queue.full = true;
      this.watch(queue);
      return Sent.full;
    }
    this.count(result);
    if (code === gone) this.lose();
    return lane.drop(frame, reasons[code] ?? 'network');
  }

  /** Reads what is there, up to so many packets; then others have their turn. */
  private read(queue: Queue): void {
    for (let packets = 0; packets < burst; packets++) {
      if (this.open[queue.index] !== queue || queue.index >= this.used || queue.length > 0) break;
      const result = this.calls.read(queue.descriptor, queue.bytes);
      if (result < 0) {
        const code = errorName(result);
        if (code === 'EAGAIN') break;
        this.count(result);
        this.lose();
        return;
      }
      queue.length = result;
      if (!this.pass(queue)) break;
    }
    this.flushPeer();
    // A queue whose packet waits is read again when its lane has room.
    if (queue.length === 0) this.watch(queue);
  }

  /** Hands on the packet of a queue; false where it has to wait. */
  private pass(queue: Queue): boolean {
    const { frame, bytes, length, index } = queue;
    describeByHeader(frame.start(index).add(bytes, headerBytes, length - headerBytes), bytes);
    const wrong = frame.length < ethernetHeaderBytes ? 'runt' : contradiction(frame) && 'badOffload';
    if (wrong) {
      this.all.at(index).drop(frame, wrong);
    } else if (this.all.at(this.peer?.steer(frame) ?? index).offer(frame, queue) === Sent.full) {
      return false;
    }
    queue.length = 0;
    return true;
  }

  private count(result: number): void {
    const code = errorName(result);
    this.errors[code] = (this.errors[code] ?? 0) + 1;
  }

  /** Somebody took the tap away: it is opened again, and that is tried until it succeeds. */
  private lose(): void {
    if (this.open.length === 0) return;
    void this.stop().then(() => this.reopenLater());
  }

  private reopenLater(): void {
    if (this.closed) return;
    this.cancelRetry = this.clock.after(this.retry, () => {
      try {
        this.start(openDevice(this.calls, this.name, this.queues));
        this.reopened++;
      } catch (error) {
        if (!(error instanceof PortError)) throw error;
        this.reopenLater();
      }
    });
  }
}

/** 64 KiB of a large packet, the header of its frame and two VLAN tags. */
const maxFrame = 65_535 + ethernetHeaderBytes + 8;
/** Packets that are read of a queue at once. */
const burst = 64;

/** What comes of a descriptor whose tap is gone. */
const gone = 'EBADFD';
/** Why the kernel did not take a frame; the interface may be down. */
const reasons: Readonly<Record<string, DropReason>> = { EIO: 'linkDown', EBADFD: 'linkDown', EINVAL: 'badOffload' };

/** The kernel has the backlog. */
const limits = { backlogFrames: 1, backlogBytes: anyFrameBytes };
