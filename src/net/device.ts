import type { Clock } from '../virtio/clock.js';
import type { Activation, ActiveQueue, VirtioDevice } from '../virtio/device.js';
import { hasFeature, type Features } from '../virtio/features.js';
import { asFault, DriverFault } from '../virtio/rules.js';
import type { AccessWidth } from '../virtio/registers.js';
import { Signal } from '../virtio/signal.js';
import { NotificationCoalescing } from './coalescing.js';
import { NetConfig } from './config.js';
import { ControlQueue } from './control/queue.js';
import { countDrop, newLaneCounters, type DropReason, type LaneCounters } from './link/counters.js';
import { ReceiveFilter } from './filter.js';
import { anyMultiqueue, netFeatures, VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_MRG_RXBUF } from './features.js';
import { GuestOffloads } from './guestOffloads.js';
import { PacketHeader } from './header.js';
import type { Frame } from './link/frame.js';
import { formatMac } from './mac.js';
import { Multiqueue } from './multiqueue.js';
import { netOptions, type NetDeviceOptions, type NetSettings } from './options.js';
import { Sent, type Port } from './link/port.js';
import { controlQueueIndex, queueCount } from './queues.js';
import { ReceiveLane } from './receive.js';
import { mayComeBack, unreceivable } from './receivable.js';
import { Reception } from './reception.js';
import { copyCounters, readNetState, stateVersion, type NetDeviceState } from './state.js';
import { DeviceStatistics } from './statistics.js';
import { Suspension } from './suspension.js';
import { Transmission } from './transmission.js';
import { TransmitLane, type TransmitCard } from './transmit.js';

/**
 * A multiqueue virtio network card (virtio 5.1): the device of a transport, and a port of the fabric. Receive and transmit
 * queues of a pair are worked together as a lane; lanes never wait on each other.
 */
export class NetDevice implements VirtioDevice<NetDeviceState>, Port {
  readonly deviceId = 1;
  readonly featureTable = netFeatures;
  readonly transitional: boolean;
  readonly offeredFeatures: Features;
  readonly queueSizes: readonly number[];
  readonly configLength: number;
  readonly name: string;
  /** What passed each pair, since the card was made. */
  readonly counters: readonly LaneCounters[];
  /** What the driver wants to receive. */
  readonly filter: ReceiveFilter;
  readonly guestOffloads = new GuestOffloads();
  /** The driver changed the number of pairs in use. */
  readonly onQueuePairs = new Signal<number>();
  readonly coalescing: NotificationCoalescing;
  readonly statistics: DeviceStatistics;
  readonly multiqueue: Multiqueue;
  onFault: (fault: DriverFault, needsReset: boolean) => void = () => undefined;
  onConfigChange: (byDriver: boolean) => void = () => undefined;

  private readonly settings: NetSettings;
  private readonly config: NetConfig;
  private peer: Port | undefined;
  private active: Activation | undefined;
  /** The driver broke a rule: nothing goes in or out until it resets the card. */
  private failed = false;
  private readonly reception: Reception;
  private readonly transmission: Transmission;
  private readonly suspension: Suspension;
  private control: ControlQueue | undefined;
  private header: PacketHeader | undefined;

  /** @throws RangeError for an option out of its range */
  constructor(clock: Clock, options: NetDeviceOptions) {
    this.settings = netOptions(options);
    const { name, queuePairs, queueSize, mac, transitional, features } = this.settings;
    this.name = name;
    this.transitional = transitional;
    this.offeredFeatures = features;
    this.queueSizes = new Array<number>(2 * queuePairs + 1).fill(queueSize);
    this.counters = Array.from({ length: queuePairs }, newLaneCounters);
    this.statistics = new DeviceStatistics(this.counters);
    this.transmission = new Transmission(clock, queuePairs, this.settings.deadline, {
      shown: (pair, packets) => this.coalescing.shown(2 * pair + 1, packets),
      flush: () => this.peer?.flush(),
      expired: () => this.guard(() => this.transmission.expire()),
    });
    this.coalescing = new NotificationCoalescing(clock, 2 * queuePairs);
    this.reception = new Reception(queuePairs, this.coalescing);
    this.suspension = new Suspension(this.transmission, this.reception, this.coalescing);
    this.multiqueue = new Multiqueue({
      count: queuePairs,
      canReceive: (pair) => this.reception.lanes[pair] !== undefined,
      change: (change) => this.changePairs(change),
    });
    this.config = new NetConfig(this.settings);
    this.config.mac.set(mac);
    this.filter = new ReceiveFilter(this.config.mac);
    this.configLength = this.config.block.size;
  }

  /** The address as the driver set it last: 52:54:00:12:34:56. */
  get mac(): string {
    return formatMac(this.config.mac);
  }

  get maxQueuePairs(): number {
    return this.settings.queuePairs;
  }

  /** The pairs in use, as the driver said last. */
  get lanes(): number {
    return this.multiqueue.pairs;
  }

  get offloads(): number {
    return this.guestOffloads.receivable;
  }

  get listening(): boolean {
    return this.active !== undefined && !this.failed && !this.suspension.on && this.config.linkUp;
  }

  get linkUp(): boolean {
    return this.config.linkUp;
  }

  /** Plugs the cable in or out; a driver that negotiated VIRTIO_NET_F_STATUS sees it. */
  setLink(up: boolean): void {
    if (this.suspension.keepLink(up) || up === this.config.linkUp) return;
    this.config.linkUp = up;
    this.onConfigChange(false);
    // What waits at either end goes through or is lost, as the link is now.
    this.room();
    this.invite();
  }

  /**
   * Asks the driver to tell the network where the guest is, as after a move to another network (virtio 5.1.6.5.4). Answers
   * whether the driver can: it negotiated VIRTIO_NET_F_GUEST_ANNOUNCE and VIRTIO_NET_F_STATUS, and the link is up.
   */
  announce(): boolean {
    if (!this.listening || !this.config.askToAnnounce(this.active!.features)) return false;
    this.onConfigChange(false);
    return true;
  }

  /** Makes the card need a reset, as if it had failed (virtio 2.1.2). The reason is for people, in `onFault`. */
  fail(reason: string): void {
    this.guard(() => {
      throw new DriverFault('device-failure', reason);
    });
  }

  /**
   * Takes no more packets from the transmit queue of a pair, as a card that hangs, until the answered function is called
   * or the driver resets the card.
   * @throws RangeError when the driver has no such queue
   */
  stall(pair: number): () => void {
    const transmitter = this.transmission.lanes[pair];
    if (!transmitter) throw new RangeError(`the driver has no transmit queue of pair ${pair}`);
    transmitter.stalled = true;
    return () => {
      transmitter.stalled = false;
      this.guard(() => this.transmission.work());
    };
  }

  queueCount(features: Features): number {
    return queueCount(features, this.maxQueuePairs);
  }

  queueName(index: number): string {
    return index === this.controlIndex ? 'control' : `${index % 2 === 0 ? 'input' : 'output'}.${index >>> 1}`;
  }

  readConfig(offset: number, width: AccessWidth): number {
    return this.config.block.read(offset, width);
  }

  writeConfig(offset: number, width: AccessWidth, value: number): void {
    this.config.block.write(offset, width, value);
  }

  /** A driver from before VIRTIO_NET_F_CTRL_MAC_ADDR writes the address here (5.1.4.3). */
  writeLegacyConfig(offset: number, width: AccessWidth, value: number): void {
    if (this.active && hasFeature(this.active.features, VIRTIO_NET_F_CTRL_MAC_ADDR)) return;
    this.config.writeMac(offset, width, value);
    this.filter.noteAddress();
    this.onConfigChange(true);
  }

  activate(activation: Activation): void {
    this.active = { ...activation, interrupts: this.statistics.counting(activation.interrupts) };
    this.coalescing.activate(this.active, this.controlIndex);
    this.statistics.activate(activation.features, this.controlIndex);
    this.guestOffloads.activate(activation.features);
    this.filter.activate(activation.features);
    this.guard(() => {
      activation.queues.forEach((queue, index) => {
        if (queue) this.takeQueue(index, queue);
      });
      this.transmission.resume();
      if (this.control) this.runControl();
      this.transmission.work();
      // A card that was saved may have had a burst under way, and somebody who waited for its room.
      this.reception.resume();
      this.invite();
    });
  }

  notify(index: number, byDriver = true): void {
    const queue = this.active?.queues[index];
    if (!queue || this.failed || this.suspension.on) return;
    if (byDriver) this.statistics.notified(index);
    this.guard(() => {
      this.takeQueue(index, queue);
      if (index === this.controlIndex) this.runControl();
      else if (index % 2 === 1) this.transmit(index >>> 1, byDriver);
      else this.refilled(index >>> 1);
    });
  }

  suspend(): boolean {
    return this.guard(() => this.suspension.begin()) ?? true;
  }

  resume(): void {
    const link = this.suspension.end();
    if (link !== undefined) this.setLink(link);
  }

  /** Frames that waited for a receive queue go to another, if there is one; what a transmit queue held is lost. */
  resetQueue(index: number): void {
    const pair = index >>> 1;
    if (index >= this.controlIndex) {
      this.control = undefined;
      return;
    }
    const { lanes } = index % 2 === 0 ? this.reception : this.transmission;
    lanes[pair]?.show();
    if (index % 2 === 1) this.transmission.forget(pair);
    lanes[pair] = undefined;
    this.coalescing.resetQueue(index);
    if (index % 2 === 0) this.invite();
  }

  reset(): void {
    this.forget();
    this.config.mac.set(this.settings.mac);
    this.onConfigChange(true);
    // Whoever waits for this card would wait in vain.
    this.invite();
  }

  /** Gives up the driver, its queues and all that came of them. */
  private forget(): void {
    this.transmission.forget();
    this.active = undefined;
    this.header = undefined;
    this.failed = false;
    this.config.linkUp = this.suspension.end() ?? this.config.linkUp;
    this.reception.forget();
    this.control = undefined;
    this.guestOffloads.reset();
    this.multiqueue.reset();
    this.coalescing.reset();
    this.filter.reset();
    this.config.announce = false;
  }

  /** The port at the other end of the cable. */
  get connectedTo(): Port | undefined {
    return this.peer;
  }

  attach(peer: Port | undefined): void {
    this.peer = peer;
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
    const { active, config, settings } = this;
    const lost = this.failed
      ? 'fault'
      : unreceivable(frame, active?.features, config.linkUp, this.offloads, settings.mtu);
    if (lost) return this.drop(pair, frame, lost);
    if (this.suspension.on) return Sent.full;
    if (!receiver)
      return mayComeBack(active!.features, this.multiqueue.enabled) ? Sent.full : this.drop(pair, frame, 'notReady');
    return this.guard(() => this.reception.receive(frame, pair, receiver)) ?? this.drop(pair, frame, 'fault');
  }

  flush(): void {
    this.reception.flush();
  }

  room(): void {
    this.transmission.room();
    if (!this.failed) this.guard(() => this.transmission.work());
  }

  save(): NetDeviceState {
    return {
      version: stateVersion,
      multiqueue: this.multiqueue.save(),
      config: this.config.save(),
      filter: this.filter.save(),
      counters: this.counters.map(copyCounters),
      held: this.transmission.save(),
      unshown: this.reception.save(),
      coalescing: this.coalescing.save(),
      statistics: this.statistics.save(),
      failed: this.failed,
      suspended: this.suspension.save(),
      guestOffloads: this.guestOffloads.save(),
    };
  }

  restore(saved: NetDeviceState): void {
    const state = readNetState(saved, this.maxQueuePairs);
    this.forget();
    this.config.restore(state.config);
    this.filter.restore(state.filter);
    this.multiqueue.restore(state.multiqueue);
    this.transmission.restore(state.held);
    this.reception.restore(state.unshown);
    this.coalescing.restore(state.coalescing);
    this.statistics.restore(state.statistics);
    this.failed = state.failed;
    this.suspension.restore(state.suspended);
    this.guestOffloads.restore(state.guestOffloads);
    state.counters.forEach((counters, pair) => Object.assign(this.counters[pair], copyCounters(counters)));
  }

  private get controlIndex(): number {
    return controlQueueIndex(this.active?.features ?? anyMultiqueue, this.maxQueuePairs);
  }

  /** Puts to work a queue that was not yet. */
  private takeQueue(index: number, queue: ActiveQueue): void {
    const { memory, features } = this.active!;
    const header = (this.header ??= new PacketHeader(features, this.multiqueue.hash));
    const pair = index >>> 1;
    const counters = this.counters[pair];
    const { receive, transmit } = this.statistics;
    // Without multiqueue there is none behind the control queue.
    if (index > this.controlIndex) return;
    if (index === this.controlIndex) {
      this.control ??= new ControlQueue(queue, memory, features, this, (fault) => this.onFault(fault, false));
    } else if (index % 2 === 0) {
      const mergeable = hasFeature(features, VIRTIO_NET_F_MRG_RXBUF);
      this.reception.lanes[pair] ??= new ReceiveLane(queue, memory, header, mergeable, counters, receive[pair]);
    } else {
      const card: TransmitCard = {
        memory,
        header,
        out: (frame, again) => this.out(frame, again),
        violation: (fault) => this.onFault(fault, false),
      };
      this.transmission.lanes[pair] ??= new TransmitLane(pair, queue, counters, transmit[pair], card);
    }
  }

  private runControl(): void {
    if (this.control?.run()) this.active?.interrupts.queue(this.controlIndex);
    // What waits may belong to a pair that is not in use any more, or to nobody here.
    this.invite();
  }

  /** What was sent on pairs that go out of use goes out first. */
  private changePairs(change: () => void): void {
    this.transmission.work();
    change();
    this.onQueuePairs.emit(this.lanes);
  }

  /** VIRTIO_NET_CTRL_MAC_ADDR_SET. */
  setMac(mac: Uint8Array): boolean {
    this.config.mac.set(mac);
    this.filter.noteAddress();
    this.onConfigChange(true);
    return true;
  }

  /** VIRTIO_NET_CTRL_ANNOUNCE_ACK. */
  announced(): boolean {
    this.config.announce = false;
    this.onConfigChange(true);
    return true;
  }

  /**
   * The driver notified of packets on this pair. Linux may still send on a pair for a moment after it took it out of
   * use; such a packet is reported, but not lost.
   */
  private transmit(pair: number, byDriver: boolean): void {
    const { transmitPairs } = this.multiqueue;
    if (byDriver && pair >= transmitPairs) {
      const detail = `packets on pair ${pair} with ${transmitPairs} in use`;
      this.onFault(new DriverFault('transmit-unused-pair', detail, 2 * pair + 1), false);
    }
    this.transmission.work(pair);
  }

  /** The driver made receive buffers available, or bus mastering is back. */
  private refilled(pair: number): void {
    if (this.reception.lanes[pair]?.reopen()) this.invite();
    this.reception.show(pair);
  }

  /** Whoever was told that this card is full tries again, the oldest frame first. */
  private invite(): void {
    this.reception.reopen();
    this.peer?.room();
  }

  private out(frame: Frame, again: boolean): Sent | DropReason {
    const { peer } = this;
    if (!this.config.linkUp) return 'linkDown';
    if (!peer) return 'unconnected';
    if (!again) this.multiqueue.steering.learn(frame, frame.lane);
    return peer.send(frame, peer.steer(frame));
  }

  private drop(pair: number, frame: Frame, reason: DropReason): Sent {
    countDrop(this.counters[pair], reason, frame);
    this.statistics.receive[pair].drops++;
    return Sent.dropped;
  }

  /** Runs what works on the guest's data; what the guest did wrong there makes the card need a reset. */
  private guard<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      const fault = asFault(error);
      this.failed = true;
      this.onFault(fault, true);
      // Whoever waits for this card would wait in vain.
      this.invite();
      return undefined;
    }
  }
}
