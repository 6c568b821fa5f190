import type { Clock } from '../virtio/clock.js';
import type { Activation, ActiveQueue } from '../virtio/device.js';
import type { Features } from '../virtio/features.js';
import type { GuestMemory } from '../virtio/memory.js';
import type { QueueSetup } from '../virtio/queue.js';
import type { DriverFault } from '../virtio/rules.js';
import type { NotificationCoalescing } from './coalescing.js';
import type { NetConfig } from './config.js';
import type { ReceiveFilter } from './filter.js';
import type { GuestOffloads } from './guestOffloads.js';
import type { LaneCounters } from './link/counters.js';
import type { Port } from './link/port.js';
import type { Multiqueue } from './multiqueue.js';
import type { NetSettings } from './options.js';
import type { NetDeviceState } from './state.js';
import type { DeviceStatistics } from './statistics.js';

/** What a data path keeps of the card's state. */
export type DataPathState = Omit<NetDeviceState, 'version' | 'config' | 'suspended'>;

/** What the driver commanded; but for the flows that it sends, which threads share in another way. */
export interface PathSettings extends Pick<DataPathState, 'failed' | 'filter' | 'guestOffloads'> {
  readonly multiqueue: Omit<DataPathState['multiqueue'], 'flows'>;
  readonly coalescing: Omit<DataPathState['coalescing'], 'waiting'>;
}

/** What never changes of a card, as far as its data path is concerned. */
export type DataPathSettings = Pick<NetSettings, 'queuePairs' | 'mtu' | 'deadline'>;

/** The card, as its data path sees it. */
export interface DataPathOwner {
  /** Whether the link is plugged in, and the card's address, as they are at any time. */
  readonly config: Pick<NetConfig, 'linkUp' | 'mac'>;
  /** The driver broke a rule. */
  fault(fault: DriverFault, needsReset: boolean): void;
  /** The driver changed the pairs in use. */
  pairsChanged(): void;
}

/** Makes the data path of a card. */
export type NewDataPath = (clock: Clock, settings: DataPathSettings, owner: DataPathOwner) => DataPath;

/**
 * What moves a card's packets: its receive and transmit queues, between guest memory and the port that the card is
 * connected to, and what the driver commands for them. The card beside it has the control queue and the configuration.
 */
export interface DataPath extends Pick<Port, 'steer' | 'send' | 'flush' | 'room'> {
  readonly filter: ReceiveFilter;
  readonly guestOffloads: GuestOffloads;
  readonly coalescing: NotificationCoalescing;
  readonly multiqueue: Multiqueue;
  readonly statistics: DeviceStatistics;
  /** What passed each pair, since the card was made. */
  readonly counters: readonly LaneCounters[];
  /** The driver broke a rule: nothing goes in or out until `forget`. */
  readonly failed: boolean;
  /** The port that the card is connected to. */
  peer: Port | undefined;
  /** The device's side of a receive or transmit queue, where it is not to be made by `newQueue`. @throws DriverFault */
  newQueue?(setup: QueueSetup, memory: GuestMemory, features: Features): ActiveQueue;
  /** The driver is ready: takes up its queues. Nothing moves before `begin`. */
  activate(activation: Activation, controlIndex: number): void;
  begin(): void;
  /** There may be buffers in an enabled queue; the driver notified of them or (byDriver is false) could not. */
  notify(index: number, queue: ActiveQueue, byDriver: boolean): void;
  /** What the driver commanded, or the link, changed. It is in force when this returns. */
  changed(): void;
  /** Takes no new packets. Answers whether none is left that waits, and is to be asked again until then. */
  suspend(): boolean;
  resume(): void;
  /** Frames that waited for a receive queue go to another, if there is one; what a transmit queue held is lost. */
  resetQueue(index: number): void;
  /** Gives up the driver, its queues, and all that it commanded. */
  forget(): void;
  /** Whoever was told that this card is full tries again, the oldest frame first. */
  invite(): void;
  /** Takes no more packets of a pair's transmit queue until the answered function is called. @throws RangeError */
  stall(pair: number): () => void;
  /** Runs what works on the guest's data; what the guest did wrong there makes the card need a reset. */
  guard<T>(work: () => T): T | undefined;
  /** Has the threads that serve the queues stand still while `work` is done, where there are such threads. */
  whileStill?<T>(work: () => T): T;
  save(): DataPathState;
  /** Takes up a saved state, after `forget` and before `activate`. */
  restore(state: DataPathState): void;
}
