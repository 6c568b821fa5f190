import type { QueueSetup } from '../virtio/queue.js';

/** What a driver sets up of one queue through the common configuration (virtio 4.1.4.3). */
export interface QueueRegisters {
  size: number;
  enabled: boolean;
  /** Low and high halves of the three 64-bit addresses: descriptor area, driver area, device area. */
  readonly addresses: Uint32Array;
}

/** Halves of the addresses, as they follow each other in the common configuration. */
export const addressHalves = ['descLow', 'descHigh', 'driverLow', 'driverHigh', 'deviceLow', 'deviceHigh'] as const;

export interface QueueRegistersState {
  size: number;
  enabled: boolean;
  addresses: number[];
}

export function newQueueRegisters(maximum: number): QueueRegisters {
  return { size: maximum, enabled: false, addresses: new Uint32Array(addressHalves.length) };
}

export function resetQueueRegisters(queue: QueueRegisters, maximum: number): void {
  queue.size = maximum;
  queue.enabled = false;
  queue.addresses.fill(0);
}

/** The registers as a ring's set-up. Addresses beyond 2^53 lose precision, but none of them is guest memory. */
export function queueSetup(queue: QueueRegisters, index: number): QueueSetup {
  const address = (which: number): number => queue.addresses[2 * which] + queue.addresses[2 * which + 1] * 2 ** 32;
  return { index, size: queue.size, descriptorArea: address(0), driverArea: address(1), deviceArea: address(2) };
}

/** Sets the addresses of descriptor area, driver area and device area, below 2^53. */
export function setQueueAddresses(queue: QueueRegisters, addresses: readonly [number, number, number]): void {
  addresses.forEach((address, which) => {
    queue.addresses[2 * which] = address % 2 ** 32;
    queue.addresses[2 * which + 1] = Math.floor(address / 2 ** 32);
  });
}
