import type { Feature, Features } from './features.js';
import type { GuestMemory } from './memory.js';
import type { DescriptorChain } from './chain.js';
import type { QueueSetup, QueueState, Virtqueue } from './queue.js';
import type { AccessWidth } from './registers.js';
import type { DriverFault } from './rules.js';
import type { Signal } from './signal.js';

/** The way from a device to the driver's interrupt handlers. */
export interface InterruptSink {
  /** Buffers of this queue were used. */
  queue(index: number): void;
  /** The configuration, or the device status, changed. */
  config(): void;
  // For threads that send the messages of their queues' interrupts themselves, where there are such things:
  /** The message that a queue's interrupt is now: a write of `data` to `address`. Undefined where it is something else. */
  message?(index: number): { readonly address: number; readonly data: number } | undefined;
  /**
   * An answer of `message` may have changed. Before a queue's interrupt becomes another one it is undefined for a moment:
   * what was sent until then is to be told by `sent` during that call.
   */
  readonly onMessages?: Signal<void>;
  /** So many messages of a queue were sent. */
  sent?(index: number, count: number): void;
}

/** A virtqueue with which a device can take up the buffers that it held when it was saved. */
export interface ActiveQueue extends Virtqueue {
  /** The chain that starts at this descriptor, which the device took before it was saved. */
  retake(head: number): DescriptorChain;
  restore(state: QueueState): void;
}

/** What a device works with from DRIVER_OK until it is reset. */
export interface Activation {
  /** By queue index; undefined where the driver enabled none. The transport fills in queues that are enabled later. */
  readonly queues: readonly (ActiveQueue | undefined)[];
  readonly features: Features;
  readonly memory: GuestMemory;
  readonly interrupts: InterruptSink;
}

/** A virtio device as its transport sees it: features, configuration, queues, and nothing about the bus. */
export interface VirtioDevice<State = unknown> {
  /** Chapter 5 of the specification: 1 is a network card. */
  readonly deviceId: number;
  /** Drivers from before virtio 1.0 can use it too, through a legacy interface (virtio 1.3.1). */
  readonly transitional: boolean;
  readonly offeredFeatures: Features;
  /** Every feature that this kind of device knows, with what each depends on. */
  readonly featureTable: readonly Feature[];
  /** The largest size of each queue; its length is the number of queues. */
  readonly queueSizes: readonly number[];
  /** How many of the queues there are, from the first on, for a driver that accepted these features. */
  queueCount(features: Features): number;
  /** What each queue is for, in the words of Linux's interrupt names: 'input.0'. */
  queueName(index: number): string;
  /** Length of the device configuration in bytes. */
  readonly configLength: number;
  readConfig(offset: number, width: AccessWidth): number;
  writeConfig(offset: number, width: AccessWidth, value: number): void;
  /** The same through the legacy interface, which lets the driver write more; where it is left out, there is no more. */
  writeLegacyConfig?(offset: number, width: AccessWidth, value: number): void;
  /** The device's side of a queue; where it is left out, the function `newQueue` makes it. @throws DriverFault */
  newQueue?(setup: QueueSetup, memory: GuestMemory, features: Features): ActiveQueue;
  /** The driver is ready (DRIVER_OK), or was when the device was saved. */
  activate(activation: Activation): void;
  /** The driver made buffers of this queue available, or (byDriver is false) may have done so while nobody was told. */
  notify(queueIndex: number, byDriver?: boolean): void;
  /**
   * Stops taking buffers, gives back those that it has and tells the driver of them (virtio 1.4, 3.4). Answers whether it
   * has none left, and is asked again until then; afterwards its queues are paused until `resume`. Where it is left out,
   * the device never has any.
   */
  suspend?(): boolean;
  /** Takes buffers again; the transport then notifies it of each queue. */
  resume?(): void;
  /** Gives up one queue: the driver resets it and may enable it again, in another size (virtio 2.6.1). */
  resetQueue(queueIndex: number): void;
  /** Forgets the driver: drops what is held and gives up the queues. */
  reset(): void;
  /**
   * Has all that works on the queues by itself stand still while `work` is done, so that what is saved of them meanwhile is
   * of one moment. Where it is left out, nothing works on them but by the calls of the transport.
   */
  whileStill?<T>(work: () => T): T;
  save(): State;
  /**
   * Takes up a saved state in place of its own; called before `activate` when the saved device was active.
   * @throws RangeError, with nothing changed, when the state is that of another kind of device
   */
  restore(state: State): void;
  /**
   * How the device tells its transport of a broken rule that it does not throw: because it can go on (needsReset is
   * false), or because the call did not come from the transport.
   */
  onFault: (fault: DriverFault, needsReset: boolean) => void;
  /** How the device tells its transport that its configuration changed; the driver is told of what it did not do. */
  onConfigChange: (byDriver: boolean) => void;
}
