import type { Width } from './machine.js';
import type { DriverMemory } from './memory.js';
import type { Msix } from './msix.js';
import type { PciCard } from './pciCard.js';
import type { DriverRing } from './ring.js';

/** What both interfaces of a virtio PCI device have: the registers of virtio 4.1.4.3, or those of 4.1.4.10. */
export interface Transport {
  readonly kind: 'modern' | 'legacy';
  readonly card: PciCard;
  readonly memory: DriverMemory;
  /** The function's MSI-X, if it has one and it was found; `enable` is the caller's to call. */
  readonly msix: Msix | undefined;
  readStatus(): Promise<number>;
  writeStatus(value: number): Promise<void>;
  /** The features that the device offers. */
  offered(): Promise<bigint>;
  /** The features that the device says the driver accepted. */
  accepted(): Promise<bigint>;
  accept(features: bigint): Promise<void>;
  /** The most queues, where the device tells it. */
  queueCount(): Promise<number | undefined>;
  /** Entries that the queue has now; before it is placed, the most it can have. 0 where there is no such queue. */
  queueSize(index: number): Promise<number>;
  /** The vector that the register holds afterwards: noVector when the device could not map it. */
  setConfigVector(vector: number): Promise<number>;
  setQueueVector(index: number, vector: number): Promise<number>;
  /** Tells the device where the queue is, and, where that is a step of its own, enables it. */
  placeQueue(index: number, ring: DriverRing): Promise<void>;
  /** An available buffer notification (virtio 4.1.5.2). */
  notify(index: number, ring: DriverRing): Promise<void>;
  /** Reads the ISR status, which ends the interrupt. */
  readIsr(): Promise<number>;
  /** The device's own configuration. */
  readConfig(offset: number, width: Width): Promise<number>;
  writeConfig(offset: number, width: Width, value: number): Promise<void>;
  /** `config_generation`; undefined where the interface has none. */
  configGeneration(): Promise<number | undefined>;
}

/** Where a queue is notified, and by what: a write of `value`, with the ring's position above it where `position` says so. */
export interface Doorbell {
  readonly kind: 'memory' | 'io';
  readonly address: number;
  readonly value: number;
  /** VIRTIO_F_NOTIFICATION_DATA was negotiated (virtio 4.1.5.2). */
  readonly position: boolean;
}

/** Reads several fields of the device's configuration so that they belong together (virtio 2.5.1). */
export async function consistently<T>(transport: Transport, read: () => Promise<T>): Promise<T> {
  for (;;) {
    const before = await transport.configGeneration();
    const answer = await read();
    if ((await transport.configGeneration()) === before) return answer;
  }
}
