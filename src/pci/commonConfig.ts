import type { VirtioDevice } from '../virtio/device.js';
import {
  hasFeature,
  VIRTIO_F_NOTIF_CONFIG_DATA,
  VIRTIO_F_RING_PACKED,
  VIRTIO_F_RING_RESET,
  type Features,
} from '../virtio/features.js';
import { RegisterBlock, type Register } from '../virtio/registers.js';
import type { Negotiation } from '../virtio/negotiation.js';
import { DriverFault, type DriverRule } from '../virtio/rules.js';
import type { InterruptRouter } from './interrupts.js';
import { noVector } from './ids.js';
import { commonBytes } from './layout.js';
import { notifConfigData } from './notification.js';
import {
  addressHalves,
  newQueueRegisters,
  resetQueueRegisters,
  type QueueRegisters,
  type QueueRegistersState,
} from './queueRegisters.js';

export interface CommonConfigEvents {
  /** The driver enabled this queue. */
  queueEnabled(index: number): void;
  /** The driver resets this queue; its registers are as after a reset when that is done. */
  queueReset(index: number): void;
  violation(fault: DriverFault): void;
  /** The driver is about to read the device status. */
  statusRead(): void;
}

export interface CommonConfigState {
  registers: number[];
  generation: number;
  configChanged: boolean;
  queues: QueueRegistersState[];
}

/** What queues a device has. */
type QueueLayout = Pick<VirtioDevice, 'queueSizes' | 'queueCount'>;

/** The common configuration structure (virtio 4.1.4.3): features, status and the set-up of queues. */
export class CommonConfig {
  readonly block: RegisterBlock;
  readonly queues: readonly QueueRegisters[];
  /**
   * The device configuration changed since it was read last. Counting its changes is not enough: 256 of them would look
   * like none (4.1.4.3.1).
   */
  configChanged = false;
  private generation = 0;
  private readonly device: QueueLayout;
  private readonly negotiation: Negotiation;
  private readonly interrupts: InterruptRouter;
  private readonly events: CommonConfigEvents;

  constructor(device: QueueLayout, negotiation: Negotiation, interrupts: InterruptRouter, events: CommonConfigEvents) {
    this.device = device;
    this.negotiation = negotiation;
    this.interrupts = interrupts;
    this.events = events;
    this.queues = device.queueSizes.map(newQueueRegisters);
    this.block = new RegisterBlock(commonBytes, this.registers());
  }

  reset(): void {
    this.block.reset();
    this.queues.forEach((queue, index) => resetQueueRegisters(queue, this.device.queueSizes[index]));
  }

  /** The driver reads of the device configuration. */
  configRead(): void {
    if (this.configChanged) this.generation = (this.generation + 1) & 0xff;
    this.configChanged = false;
  }

  save(): CommonConfigState {
    return {
      registers: this.block.save(),
      generation: this.generation,
      configChanged: this.configChanged,
      queues: this.queues.map(({ size, enabled, addresses }) => ({ size, enabled, addresses: Array.from(addresses) })),
    };
  }

  restore(state: CommonConfigState): void {
    this.block.restore(state.registers);
    this.generation = state.generation;
    this.configChanged = state.configChanged;
    state.queues.forEach(({ size, enabled, addresses }, index) => {
      const queue = this.queues[index];
      queue.size = size;
      queue.enabled = enabled;
      queue.addresses.set(addresses);
    });
  }

  private registers(): Register[] {
    const { negotiation, interrupts } = this;
    const selectedWord = (name: string): number => this.block.get(name);
    return [
      { name: 'deviceFeatureSelect', offset: 0, width: 4, mask: 0xffffffff },
      {
        name: 'deviceFeature',
        offset: 4,
        width: 4,
        read: () => negotiation.offeredWord(selectedWord('deviceFeatureSelect')),
      },
      { name: 'driverFeatureSelect', offset: 8, width: 4, mask: 0xffffffff },
      {
        name: 'driverFeature',
        offset: 12,
        width: 4,
        mask: 0xffffffff,
        read: () => negotiation.acceptedWord(selectedWord('driverFeatureSelect')),
        write: (value) => negotiation.accept(selectedWord('driverFeatureSelect'), value),
      },
      {
        name: 'configMsixVector',
        offset: 16,
        width: 2,
        mask: 0xffff,
        read: () => interrupts.getConfigVector(),
        write: (value) => interrupts.setConfigVector(value),
      },
      { name: 'numQueues', offset: 18, width: 2, reset: this.device.queueSizes.length },
      {
        name: 'deviceStatus',
        offset: 20,
        width: 1,
        mask: 0xff,
        read: () => {
          this.events.statusRead();
          return negotiation.status;
        },
        write: (value) => negotiation.writeStatus(value),
      },
      { name: 'configGeneration', offset: 21, width: 1, read: () => this.generation },
      { name: 'queueSelect', offset: 22, width: 2, mask: 0xffff },
      {
        name: 'queueSize',
        offset: 24,
        width: 2,
        mask: 0xffff,
        read: () => this.presentable(this.selected?.size ?? 0),
        write: (value) => this.setUp('size', (queue) => (queue.size = value)),
      },
      {
        name: 'queueMsixVector',
        offset: 26,
        width: 2,
        mask: 0xffff,
        read: () => interrupts.getQueueVector(this.block.get('queueSelect')),
        write: (value) => {
          if (this.selected) interrupts.setQueueVector(this.block.get('queueSelect'), value);
        },
      },
      {
        name: 'queueEnable',
        offset: 28,
        width: 2,
        mask: 0xffff,
        read: () => (this.selected?.enabled ? 1 : 0),
        write: (value) => this.enable(value),
      },
      { name: 'queueNotifyOff', offset: 30, width: 2, read: () => (this.selected ? this.block.get('queueSelect') : 0) },
      ...addressHalves.map((name, half): Register => ({
        name,
        offset: 32 + 4 * half,
        width: 4,
        mask: 0xffffffff,
        read: () => this.selected?.addresses[half] ?? 0,
        write: (value) => this.setUp(name, (queue) => (queue.addresses[half] = value)),
      })),
      { name: 'queueNotifConfigData', offset: 56, width: 2, read: () => this.notifConfigData },
      {
        name: 'queueReset',
        offset: 58,
        width: 2,
        mask: 0xffff,
        read: () => 0,
        write: (value) => this.resetQueue(value),
      },
    ];
  }

  private get notifConfigData(): number {
    if (!this.selected || !this.has(VIRTIO_F_NOTIF_CONFIG_DATA)) return 0;
    return notifConfigData(this.block.get('queueSelect'));
  }

  /** Once the features are known, a queue that they give the driver no use of is unavailable (4.1.4.3.1). */
  private get selected(): QueueRegisters | undefined {
    const index = this.block.get('queueSelect');
    const { settled, features } = this.negotiation;
    return settled && index >= this.device.queueCount(features) ? undefined : this.queues[index];
  }

  /** A size that the driver of a split queue must not have written reads as 0: it must see powers of two (4.1.4.3.1). */
  private presentable(size: number): number {
    return this.has(VIRTIO_F_RING_PACKED) || (size & (size - 1)) === 0 ? size : 0;
  }

  private setUp(what: string, change: (queue: QueueRegisters) => void): void {
    const queue = this.selected;
    if (!queue) return;
    if (queue.enabled) this.violate('queue-reconfigured', `${what} was written`);
    else change(queue);
  }

  /** A queue is reset at once, so that no driver ever reads a 1 (4.1.4.3.1). The register is there when it was negotiated. */
  private resetQueue(value: number): void {
    const queue = this.selected;
    if (!queue || value !== 1 || !this.has(VIRTIO_F_RING_RESET)) return;
    const index = this.block.get('queueSelect');
    this.events.queueReset(index);
    resetQueueRegisters(queue, this.device.queueSizes[index]);
    this.interrupts.setQueueVector(index, noVector);
  }

  private has(feature: Features): boolean {
    return hasFeature(this.negotiation.features, feature);
  }

  /** Only 1 may be written (4.1.4.3.2); the low byte of a split write enables, the high byte then finds it enabled. */
  private enable(value: number): void {
    const queue = this.selected;
    if (!queue) return;
    if (value !== 1) {
      this.violate('queue-disabled-by-driver', `${value} was written`);
      return;
    }
    if (queue.enabled) return;
    queue.enabled = true;
    this.events.queueEnabled(this.block.get('queueSelect'));
  }

  private violate(rule: DriverRule, detail: string): void {
    this.events.violation(new DriverFault(rule, detail, this.block.get('queueSelect')));
  }
}
