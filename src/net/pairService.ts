import type { Clock } from '../virtio/clock.js';
import type { Activation, ActiveQueue } from '../virtio/device.js';
import { hasFeature, type Features } from '../virtio/features.js';
import { asFault, DriverFault } from '../virtio/rules.js';
import { NotificationCoalescing } from './coalescing.js';
import type { DataPath, DataPathOwner, DataPathSettings, DataPathState, PathSettings } from './dataPath.js';
import { VIRTIO_NET_F_MRG_RXBUF } from './features.js';
import { ReceiveFilter } from './filter.js';
import { GuestOffloads } from './guestOffloads.js';
import { PacketHeader } from './header.js';
import { countDrop, newLaneCounters, type DropReason, type LaneCounters } from './link/counters.js';
import type { Frame } from './link/frame.js';
import { Sent, type Port } from './link/port.js';
import { Multiqueue } from './multiqueue.js';
import { ReceiveLane } from './receive.js';
import { mayComeBack, receivableMtu, unreceivable } from './receivable.js';
import { Reception } from './reception.js';
import { copyCounters } from './state.js';
import { DeviceStatistics } from './statistics.js';
import type { SharedSteering } from './steering.js';
import { Transmission } from './transmission.js';
import { TransmitLane, type TransmitCard } from './transmit.js';

/** The data path of all pairs of a card, or of some, in the thread that calls it. */
export class PairService implements DataPath {
  readonly filter: ReceiveFilter;
  readonly guestOffloads = new GuestOffloads();
  readonly coalescing: NotificationCoalescing;
  readonly multiqueue: Multiqueue;
  readonly statistics: DeviceStatistics;
  readonly counters: readonly LaneCounters[];
  peer: Port | undefined;

  private readonly settings: DataPathSettings;
  private readonly owner: DataPathOwner;
  private readonly reception: Reception;
  private readonly transmission: Transmission;
  private active: Activation | undefined;
  private header: PacketHeader | undefined;
  private mtu = Infinity;
  private failedNow = false;
  private suspended = false;

  /** @param steering what those who have the other pairs know too; left out where there are no others */
  constructor(clock: Clock, settings: DataPathSettings, owner: DataPathOwner, steering?: SharedSteering) {
    const { queuePairs, deadline } = settings;
    this.settings = settings;
    this.owner = owner;
    this.counters = Array.from({ length: queuePairs }, newLaneCounters);
    this.statistics = new DeviceStatistics(this.counters);
    this.coalescing = new NotificationCoalescing(clock, 2 * queuePairs);
    this.reception = new Reception(queuePairs, this.coalescing);
    this.transmission = new Transmission(clock, queuePairs, deadline, {
      shown: (pair, packets) => this.coalescing.shown(2 * pair + 1, packets),
      flush: () => this.peer?.flush(),
      expired: () => this.guard(() => this.transmission.expire()),
    });
    const canReceive = (pair: number): boolean => this.reception.lanes[pair] !== undefined;
    this.multiqueue = new Multiqueue(
      { count: queuePairs, canReceive, ...steering, change: (change) => this.changePairs(change) },
      steering?.flows,
    );
    this.filter = new ReceiveFilter(owner.config.mac);
  }

  get failed(): boolean {
    return this.failedNow;
  }

  get isSuspended(): boolean {
    return this.suspended;
  }

  activate(activation: Activation, controlIndex: number): void {
    this.mtu = receivableMtu(activation.features, this.settings.mtu);
    this.active = { ...activation, interrupts: this.statistics.counting(activation.interrupts) };
    this.coalescing.activate(this.active, controlIndex);
    this.statistics.activate(activation.features, controlIndex);
    this.guestOffloads.activate(activation.features);
    this.filter.activate(activation.features);
    this.guard(() => {
      activation.queues.slice(0, controlIndex).forEach((queue, index) => {
        if (queue) this.takeQueue(index, queue);
      });
      this.transmission.resume();
    });
  }

  begin(): void {
    if (this.failedNow) return;
    this.guard(() => {
      this.transmission.work();
      // A card that was saved may have had a burst under way, and somebody who waited for its room.
      this.reception.resume();
      this.invite();
    });
  }

  notify(index: number, queue: ActiveQueue, byDriver: boolean): void {
    if (byDriver) this.statistics.notified(index);
    // As `guard` does, without a closure for each notification.
    try {
      if (!this.lanesOf(index)[index >>> 1]) this.takeQueue(index, queue);
      if (index % 2 === 1) this.transmit(index >>> 1, byDriver);
      else this.refilled(index >>> 1);
    } catch (error) {
      this.fail(error);
    }
  }

  changed(): void {
    // What waits may belong to a pair that is not in use any more, or to nobody here.
    this.invite();
  }

  /** Takes up what the thread that has the card was commanded, with these features. */
  follow(settings: PathSettings, features: Features): void {
    const { filter, guestOffloads, multiqueue, coalescing, failed } = settings;
    this.filter.restore(filter);
    this.filter.activate(features);
    this.guestOffloads.restore(guestOffloads);
    this.guestOffloads.activate(features);
    if (failed) this.failedNow = true;
    else this.guard(() => this.multiqueue.follow(multiqueue));
    this.coalescing.follow(coalescing);
  }

  suspend(): boolean {
    this.setSuspended(true);
    // Packets that wait for room are sent or reach their deadline first.
    this.transmission.work();
    this.reception.flush();
    this.coalescing.tellAll();
    return !this.transmission.holds;
  }

  resume(): void {
    this.setSuspended(false);
  }

  resetQueue(index: number): void {
    const pair = index >>> 1;
    const lanes = this.lanesOf(index);
    lanes[pair]?.show();
    if (index % 2 === 1) this.transmission.forget(pair);
    lanes[pair] = undefined;
    this.coalescing.resetQueue(index);
    if (index % 2 === 0) this.invite();
  }

  forget(): void {
    this.transmission.forget();
    this.active = undefined;
    this.header = undefined;
    this.failedNow = false;
    this.setSuspended(false);
    this.reception.forget();
    this.guestOffloads.reset();
    this.multiqueue.reset();
    this.coalescing.reset();
    this.filter.reset();
  }

  stall(pair: number): () => void {
    const transmitter = this.transmission.lanes[pair];
    if (!transmitter) throw new RangeError(`the driver has no transmit queue of pair ${pair}`);
    transmitter.stalled = true;
    return () => {
      transmitter.stalled = false;
      this.guard(() => this.transmission.work());
    };
  }

  steer(frame: Frame): number {
    return this.multiqueue.steering.choose(frame);
  }

  send(frame: Frame, lane: number): Sent {
    // A frame that waited may come for a pair that is not in use any more.
    const pair = this.multiqueue.steering.uses(lane) ? lane : this.steer(frame);
    const receiver = this.reception.lanes[pair];
    // What the guest does not want is not lost, whatever else stands against it.
    if (this.filter.stops(frame, this.counters[pair])) return Sent.dropped;
    const { active, owner } = this;
    const lost = this.failedNow
      ? 'fault'
      : unreceivable(frame, active !== undefined, owner.config.linkUp, this.guestOffloads.receivable, this.mtu);
    if (lost) return this.drop(pair, frame, lost);
    if (this.suspended) {
      receiver?.starve();
      return Sent.full;
    }
    if (!receiver)
      return mayComeBack(active!.features, this.multiqueue.enabled) ? Sent.full : this.drop(pair, frame, 'notReady');
    // As `guard` does, without a closure for each frame.
    try {
      return this.reception.receive(frame, pair, receiver);
    } catch (error) {
      this.fail(error);
      return this.drop(pair, frame, 'fault');
    }
  }

  flush(): void {
    this.reception.flush();
  }

  room(): void {
    this.transmission.room();
    if (!this.failedNow) this.guard(() => this.transmission.work());
  }

  invite(): void {
    this.reception.reopen();
    this.peer?.room();
  }

  guard<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  private fail(error: unknown): void {
    const fault = asFault(error);
    this.failedNow = true;
    // The card shows all that was received before the driver learns of the fault.
    this.reception.tellWritten();
    this.owner.fault(fault, true);
    // Whoever waits for this card would wait in vain.
    this.invite();
  }

  save(): DataPathState {
    return {
      multiqueue: this.multiqueue.save(),
      filter: this.filter.save(),
      counters: this.counters.map(copyCounters),
      held: this.transmission.save(),
      unshown: this.reception.save(),
      coalescing: this.coalescing.save(),
      statistics: this.statistics.save(),
      failed: this.failedNow,
      guestOffloads: this.guestOffloads.save(),
    };
  }

  restore(state: DataPathState): void {
    this.filter.restore(state.filter);
    this.multiqueue.restore(state.multiqueue);
    this.transmission.restore(state.held);
    this.reception.restore(state.unshown);
    this.coalescing.restore(state.coalescing);
    this.statistics.restore(state.statistics);
    this.failedNow = state.failed;
    this.guestOffloads.restore(state.guestOffloads);
    state.counters.forEach((counters, pair) => Object.assign(this.counters[pair], copyCounters(counters)));
  }

  private setSuspended(suspended: boolean): void {
    this.suspended = suspended;
    this.transmission.taking = !suspended;
  }

  /** By pair, those of the queue's direction. */
  private lanesOf(index: number): (ReceiveLane | TransmitLane | undefined)[] {
    return index % 2 === 0 ? this.reception.lanes : this.transmission.lanes;
  }

  /** Puts to work a queue that was not yet. */
  private takeQueue(index: number, queue: ActiveQueue): void {
    const { memory, features } = this.active!;
    const header = (this.header ??= new PacketHeader(features, this.multiqueue.hash));
    const pair = index >>> 1;
    const counters = this.counters[pair];
    const { receive, transmit } = this.statistics;
    if (index % 2 === 0) {
      const mergeable = hasFeature(features, VIRTIO_NET_F_MRG_RXBUF);
      this.reception.lanes[pair] ??= new ReceiveLane(queue, memory, header, mergeable, counters, receive[pair]);
    } else {
      const card: TransmitCard = {
        memory,
        header,
        out: (frame, again) => this.out(frame, again),
        violation: (fault) => this.owner.fault(fault, false),
      };
      this.transmission.lanes[pair] ??= new TransmitLane(pair, queue, counters, transmit[pair], card);
    }
  }

  /** What was sent on pairs that go out of use goes out first. */
  private changePairs(change: () => void): void {
    this.transmission.work();
    change();
    this.owner.pairsChanged();
  }

  /**
   * The driver notified of packets on this pair. Linux may still send on a pair for a moment after it took it out of
   * use; such a packet is reported, but not lost.
   */
  private transmit(pair: number, byDriver: boolean): void {
    const { transmitPairs } = this.multiqueue;
    if (byDriver && pair >= transmitPairs) {
      const detail = `packets on pair ${pair} with ${transmitPairs} in use`;
      this.owner.fault(new DriverFault('transmit-unused-pair', detail, 2 * pair + 1), false);
    }
    this.transmission.work(pair);
  }

  /** The driver made receive buffers available, or bus mastering is back. */
  private refilled(pair: number): void {
    if (this.reception.lanes[pair]?.reopen()) this.invite();
    this.reception.show(pair);
  }

  private out(frame: Frame, again: boolean): Sent | DropReason {
    const { peer } = this;
    if (!this.owner.config.linkUp) return 'linkDown';
    if (!peer) return 'unconnected';
    if (!again) this.multiqueue.steering.learn(frame, frame.lane);
    return peer.send(frame, peer.steer(frame));
  }

  private drop(pair: number, frame: Frame, reason: DropReason): Sent {
    countDrop(this.counters[pair], reason, frame);
    this.statistics.receive[pair].drops++;
    return Sent.dropped;
  }
}
