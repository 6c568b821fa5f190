import type { ActiveQueue } from '../../src/virtio/device.js';
import type { GuestMemory } from '../../src/virtio/memory.js';
import { PackedQueue } from '../../src/virtio/packed.js';
import type { QueueSetup } from '../../src/virtio/queue.js';
import { SplitQueue } from '../../src/virtio/split.js';
import type { TestMemory } from './memory.js';
import { NaiveDevice, type DeviceSide } from './naiveDevice.js';
import { NaiveDriver, type DriverQueue, type RingAddresses } from './naiveDriver.js';
import { PackedDevice } from './packedDevice.js';
import { PackedDriver } from './packedDriver.js';

export interface RingFeatures {
  readonly indirect: boolean;
  readonly eventIndex: boolean;
}

/** A virtqueue layout: the device's queue under test, and both sides written from the specification alone. */
export interface Layout {
  readonly name: 'split' | 'packed';
  /** How many different values an index or place has. */
  readonly period: (size: number) => number;
  readonly Queue: new (setup: QueueSetup, memory: GuestMemory, features: RingFeatures) => ActiveQueue;
  readonly Driver: new (
    memory: TestMemory,
    size: number,
    options: { eventIndex?: boolean; start?: number },
  ) => DriverQueue;
  readonly Device: new (
    memory: TestMemory,
    size: number,
    addresses: RingAddresses,
    features: RingFeatures,
    start?: number,
  ) => DeviceSide;
}

export const split: Layout = {
  name: 'split',
  period: () => 65536,
  Queue: SplitQueue,
  Driver: NaiveDriver,
  Device: NaiveDevice,
};

export const packed: Layout = {
  name: 'packed',
  period: (size) => 2 * size,
  Queue: PackedQueue,
  Driver: PackedDriver,
  Device: PackedDevice,
};

export const layouts = [split, packed];
