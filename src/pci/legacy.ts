import type { VirtioDevice } from '../virtio/device.js';
import { legacyBits } from '../virtio/features.js';
import type { Negotiation } from '../virtio/negotiation.js';
import { RegisterBlock, type AccessWidth, type Register } from '../virtio/registers.js';
import { DriverFault } from '../virtio/rules.js';
import type { BarSpace } from './function.js';
import type { InterruptRouter } from './interrupts.js';
import type { Msix } from './msix.js';
import { queueSetup, setQueueAddresses, type QueueRegisters } from './queueRegisters.js';

/** A ring lies in whole pages, and the driver tells the number of its first one (virtio 2.7.2, 4.1.5.1.3). */
const pageBytes = 4096;

/** Where the device configuration begins: behind the general registers, two more of which MSI-X makes exist. */
const generalBytes = 20;
const generalBytesWithMsix = 24;

/** What the legacy registers are another way to. */
export interface LegacyParts {
  readonly device: VirtioDevice;
  readonly negotiation: Negotiation;
  readonly interrupts: InterruptRouter;
  readonly msix: Msix;
  readonly queues: readonly QueueRegisters[];
}

export interface LegacyEvents {
  /** The driver gave this queue a ring. */
  queueEnabled(index: number): void;
  /** The driver took the ring of this queue away. */
  queueReleased(index: number): void;
  notified(index: number): void;
  /** The driver reads of the device configuration. */
  configRead(): void;
  /** Does what works on the guest's data. */
  guard(work: () => void): void;
  violation(fault: DriverFault): void;
}

/**
 * The legacy configuration structure of a transitional device (virtio 4.1.4.10): an I/O BAR with the registers that
 * devices had before virtio 1.0. Status, features, queues and interrupts are the same ones as those of the modern
 * structures; a driver uses the one or the other. x86 is little-endian, and so is everything here.
 */
export class LegacyInterface implements BarSpace {
  readonly kind = 'io';
  readonly size: number;
  readonly block: RegisterBlock;
  private readonly parts: LegacyParts;
  private readonly events: LegacyEvents;

  constructor(parts: LegacyParts, events: LegacyEvents) {
    this.parts = parts;
    this.events = events;
    this.size = 2 ** Math.ceil(Math.log2(generalBytesWithMsix + parts.device.configLength));
    this.block = new RegisterBlock(generalBytesWithMsix, this.registers());
  }

  read(offset: number, width: AccessWidth): number {
    const general = this.generalBytes;
    if (offset + width <= general) return this.block.read(offset, width);
    if (offset >= general) {
      this.events.configRead();
      return this.parts.device.readConfig(offset - general, width);
    }
    let value = 0;
    for (let i = 0; i < width; i++) value += this.read(offset + i, 1) * 2 ** (8 * i);
    return value;
  }

  write(offset: number, width: AccessWidth, value: number): void {
    const general = this.generalBytes;
    if (offset + width <= general) {
      this.block.write(offset, width, value);
    } else if (offset < general) {
      for (let i = 0; i < width; i++) this.write(offset + i, 1, (value >>> (8 * i)) & 0xff);
    } else {
      this.events.guard(() => this.writeConfig(offset - general, width, value));
    }
  }

  reset(): void {
    this.block.reset();
  }

  /** "Once you enable MSI-X on the device, the other fields move." */
  private get generalBytes(): number {
    return this.parts.msix.enabled ? generalBytesWithMsix : generalBytes;
  }

  private get queueIndex(): number {
    return this.block.get('queueSelect');
  }

  private get queue(): QueueRegisters | undefined {
    return this.parts.queues[this.queueIndex];
  }

  private registers(): Register[] {
    const { negotiation, interrupts } = this.parts;
    return [
      { name: 'deviceFeatures', offset: 0, width: 4, read: () => Number(negotiation.offeredLegacy) },
      {
        name: 'driverFeatures',
        offset: 4,
        width: 4,
        mask: 0xffffffff,
        read: () => Number(negotiation.features & legacyBits),
        write: (value) => negotiation.acceptLegacy(value),
      },
      {
        name: 'queueAddress',
        offset: 8,
        width: 4,
        mask: 0xffffffff,
        read: () => this.page,
        write: (value) => this.setPage(value),
      },
      { name: 'queueSize', offset: 12, width: 2, read: () => this.parts.device.queueSizes[this.queueIndex] ?? 0 },
      { name: 'queueSelect', offset: 14, width: 2, mask: 0xffff },
      { name: 'queueNotify', offset: 16, width: 2, mask: 0xffff, write: (value) => this.notify(value) },
      {
        name: 'deviceStatus',
        offset: 18,
        width: 1,
        mask: 0xff,
        read: () => negotiation.status,
        write: (value) => negotiation.writeLegacyStatus(value),
      },
      { name: 'isrStatus', offset: 19, width: 1, read: () => interrupts.readIsr() },
      {
        name: 'configMsixVector',
        offset: 20,
        width: 2,
        mask: 0xffff,
        read: () => interrupts.getConfigVector(),
        write: (value) => interrupts.setConfigVector(value),
      },
      {
        name: 'queueMsixVector',
        offset: 22,
        width: 2,
        mask: 0xffff,
        read: () => interrupts.getQueueVector(this.queueIndex),
        write: (value) => {
          if (this.queue) interrupts.setQueueVector(this.queueIndex, value);
        },
      },
    ];
  }

  /** The page of the selected queue's ring; 0 while it has none. */
  private get page(): number {
    const { queue } = this;
    return queue?.enabled ? queueSetup(queue, this.queueIndex).descriptorArea / pageBytes : 0;
  }

  private setPage(page: number): void {
    const { queue, queueIndex: index, events } = this;
    if (!queue) return;
    if (page === 0) {
      if (!queue.enabled) return;
      queue.enabled = false;
      setQueueAddresses(queue, [0, 0, 0]);
      events.queueReleased(index);
    } else if (queue.enabled && this.parts.negotiation.driverReady) {
      events.violation(new DriverFault('queue-reconfigured', `page 0x${page.toString(16)} was written`, index));
    } else {
      const size = this.parts.device.queueSizes[index];
      queue.size = size;
      queue.enabled = true;
      setQueueAddresses(queue, ringAddresses(page, size));
      events.queueEnabled(index);
    }
  }

  /** Before DRIVER_OK a queue may be used too; what is made available before the features are known waits (3.1.2). */
  private notify(index: number): void {
    const { negotiation } = this.parts;
    negotiation.usedLegacy();
    if (negotiation.driverReady) this.events.notified(index);
  }

  private writeConfig(offset: number, width: AccessWidth, value: number): void {
    const { device } = this.parts;
    if (device.writeLegacyConfig) device.writeLegacyConfig(offset, width, value);
    else device.writeConfig(offset, width, value);
  }
}

/** Descriptor table, available ring and used ring, as one ring of that size lays them out from a page on (2.7.2). */
function ringAddresses(page: number, size: number): [descriptors: number, available: number, used: number] {
  const descriptors = page * pageBytes;
  const available = descriptors + 16 * size;
  const used = Math.ceil((available + 6 + 2 * size) / pageBytes) * pageBytes;
  return [descriptors, available, used];
}
