import type { Clock } from '../virtio/clock.js';
import type { Activation, ActiveQueue, VirtioDevice } from '../virtio/device.js';
import { hasFeature, type Features } from '../virtio/features.js';
import type { GuestMemory } from '../virtio/memory.js';
import { newQueue } from '../virtio/newQueue.js';
import type { QueueSetup } from '../virtio/queue.js';
import { DriverFault } from '../virtio/rules.js';
import type { AccessWidth } from '../virtio/registers.js';
import { Signal } from '../virtio/signal.js';
import type { NotificationCoalescing } from './coalescing.js';
import { NetConfig } from './config.js';
import { ControlQueue } from './control/queue.js';
import type { DataPath, DataPathOwner, NewDataPath } from './dataPath.js';
import { anyMultiqueue, netFeatures, VIRTIO_NET_F_CTRL_MAC_ADDR } from './features.js';
import type { ReceiveFilter } from './filter.js';
import type { GuestOffloads } from './guestOffloads.js';
import type { LaneCounters } from './link/counters.js';
import type { Frame } from './link/frame.js';
import type { Port, Sent } from './link/port.js';
import { formatMac } from './link/mac.js';
import type { Multiqueue } from './multiqueue.js';
import { netOptions, type NetDeviceOptions, type NetSettings } from './options.js';
import { PairService } from './pairService.js';
import { controlQueueIndex, queueCount } from './queues.js';
import { readNetState, stateVersion, type NetDeviceState } from './state.js';
import type { DeviceStatistics } from './statistics.js';
import { Suspension } from './suspension.js';

const inThisThread: NewDataPath = (clock, settings, owner) => new PairService(clock, settings, owner);

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
  /** The driver changed the number of pairs in use. */
  readonly onQueuePairs = new Signal<number>();
  onFault: (fault: DriverFault, needsReset: boolean) => void = () => undefined;
  onConfigChange: (byDriver: boolean) => void = () => undefined;

  private readonly settings: NetSettings;
  private readonly config: NetConfig;
  private readonly path: DataPath;
  private active: Activation | undefined;
  /** The control queue's number, which follows from the features. */
  private controlIndex: number;
  private readonly suspension = new Suspension();
  private control: ControlQueue | undefined;

  /**
   * @param newDataPath makes what moves its packets, in this thread when left out
   * @throws RangeError for an option out of its range
   */
  constructor(clock: Clock, options: NetDeviceOptions, newDataPath: NewDataPath = inThisThread) {
    this.settings = netOptions(options);
    const { name, queuePairs, queueSize, mac, transitional, features } = this.settings;
    this.name = name;
    this.transitional = transitional;
    this.offeredFeatures = features;
    this.queueSizes = new Array<number>(2 * queuePairs + 1).fill(queueSize);
    this.config = new NetConfig(this.settings);
    this.config.mac.set(mac);
    this.configLength = this.config.block.size;
    this.controlIndex = controlQueueIndex(anyMultiqueue, queuePairs);
    this.path = newDataPath(clock, this.settings, this.pathOwner());
  }

  /** What passed each pair, since the card was made. */
  get counters(): readonly LaneCounters[] {
    return this.path.counters;
  }

  /** What the driver wants to receive. */
  get filter(): ReceiveFilter {
    return this.path.filter;
  }

  get guestOffloads(): GuestOffloads {
    return this.path.guestOffloads;
  }

  get coalescing(): NotificationCoalescing {
    return this.path.coalescing;
  }

  get statistics(): DeviceStatistics {
    return this.path.statistics;
  }

  get multiqueue(): Multiqueue {
    return this.path.multiqueue;
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
    return this.active !== undefined && !this.path.failed && !this.suspension.on && this.config.linkUp;
  }

  get linkUp(): boolean {
    return this.config.linkUp;
  }

  /** Plugs the cable in or out; a driver that negotiated VIRTIO_NET_F_STATUS sees it. */
  setLink(up: boolean): void {
    if (this.suspension.keepLink(up) || up === this.config.linkUp) return;
    this.config.linkUp = up;
    this.onConfigChange(false);
    this.path.changed();
    // What waits at either end goes through or is lost, as the link is now.
    this.room();
    this.path.invite();
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
    this.path.guard(() => {
      throw new DriverFault('device-failure', reason);
    });
  }

  /**
   * Takes no more packets from the transmit queue of a pair, as a card that hangs, until the answered function is called
   * or the driver resets the card.
   * @throws RangeError when the driver has no such queue
   */
  stall(pair: number): () => void {
    return this.path.stall(pair);
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

  newQueue(setup: QueueSetup, memory: GuestMemory, features: Features): ActiveQueue {
    const isData = setup.index < controlQueueIndex(features, this.maxQueuePairs);
    return (isData && this.path.newQueue?.(setup, memory, features)) || newQueue(setup, memory, features);
  }

  activate(activation: Activation): void {
    this.active = activation;
    this.controlIndex = controlQueueIndex(activation.features, this.maxQueuePairs);
    this.path.activate(activation, this.controlIndex);
    if (this.suspension.on) this.suspend();
    const control = activation.queues[this.controlIndex];
    if (control && !this.path.failed) this.path.guard(() => this.runControl(control));
    this.path.begin();
  }

  notify(index: number, byDriver = true): void {
    const queue = this.active?.queues[index];
    if (!queue || this.path.failed || this.suspension.on) return;
    if (index < this.controlIndex) this.path.notify(index, queue, byDriver);
    // Without multiqueue there is none behind the control queue.
    else if (index === this.controlIndex) this.path.guard(() => this.runControl(queue));
  }

  suspend(): boolean {
    this.suspension.begin();
    return this.path.guard(() => this.path.suspend()) ?? true;
  }

  resume(): void {
    const link = this.suspension.end();
    this.path.resume();
    if (link !== undefined) this.setLink(link);
  }

  resetQueue(index: number): void {
    if (index < this.controlIndex) this.path.resetQueue(index);
    else this.control = undefined;
  }

  reset(): void {
    this.forget();
    this.config.mac.set(this.settings.mac);
    this.onConfigChange(true);
    // Whoever waits for this card would wait in vain.
    this.path.invite();
  }

  /** Gives up the driver, its queues and all that came of them. */
  private forget(): void {
    this.path.forget();
    this.active = undefined;
    this.controlIndex = controlQueueIndex(anyMultiqueue, this.maxQueuePairs);
    this.config.linkUp = this.suspension.end() ?? this.config.linkUp;
    this.control = undefined;
    this.config.announce = false;
  }

  /** The port at the other end of the cable. */
  get connectedTo(): Port | undefined {
    return this.path.peer;
  }

  attach(peer: Port | undefined): void {
    this.path.peer = peer;
  }

  steer(frame: Frame): number {
    return this.path.steer(frame);
  }

  send(frame: Frame, lane: number): Sent {
    return this.path.send(frame, lane);
  }

  flush(): void {
    this.path.flush();
  }

  room(): void {
    this.path.room();
  }

  whileStill<T>(work: () => T): T {
    return this.path.whileStill ? this.path.whileStill(work) : work();
  }

  save(): NetDeviceState {
    return {
      version: stateVersion,
      config: this.config.save(),
      suspended: this.suspension.save(),
      ...this.path.save(),
    };
  }

  restore(saved: NetDeviceState): void {
    const state = readNetState(saved, this.maxQueuePairs);
    this.forget();
    this.config.restore(state.config);
    this.suspension.restore(state.suspended);
    this.path.restore(state);
  }

  private pathOwner(): DataPathOwner {
    return {
      config: this.config,
      fault: (fault, needsReset) => this.onFault(fault, needsReset),
      pairsChanged: () => this.onQueuePairs.emit(this.lanes),
    };
  }

  private runControl(queue: ActiveQueue): void {
    const { memory, features, interrupts } = this.active!;
    this.control ??= new ControlQueue(queue, memory, features, this, (fault) => this.onFault(fault, false));
    if (this.control.run()) interrupts.queue(this.controlIndex);
  }

  /** Commands were carried out, and the driver is about to see that. */
  commanded(): void {
    this.path.changed();
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
}
