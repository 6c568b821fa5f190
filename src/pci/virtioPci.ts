import type { Activation, ActiveQueue, VirtioDevice } from '../virtio/device.js';
import { featureNames } from '../virtio/features.js';
import { Negotiation } from '../virtio/negotiation.js';
import { newQueue } from '../virtio/newQueue.js';
import { RegisterBlock, type AccessWidth } from '../virtio/registers.js';
import { asFault, DriverFault } from '../virtio/rules.js';
import { Signal } from '../virtio/signal.js';
import { dispatchBar } from './bar.js';
import { capabilityRegisters, msixEnable, msixFunctionMask } from './capabilities.js';
import { CommonConfig } from './commonConfig.js';
import { command, ConfigurationSpace } from './configurationSpace.js';
import type { FaultEvent, NegotiationEvent } from './events.js';
import type { BarSpace, PciFunction, PciHost } from './function.js';
import { identityOf } from './identity.js';
import { InterruptRouter } from './interrupts.js';
import * as layout from './layout.js';
import { LegacyInterface } from './legacy.js';
import { Msix } from './msix.js';
import { NotificationFormat } from './notification.js';
import { queueSetup } from './queueRegisters.js';
import { readState, stateVersion, type VirtioPciState } from './state.js';
import { windowAccess } from './window.js';

/** One MSI-X vector as it is in use. */
export interface VectorUse {
  readonly vector: number;
  /** 'config' and the names of the queues that share the vector, in the words of Linux: 'input.0'. */
  readonly use: string;
  /** Messages sent. */
  readonly fired: number;
}

/** A virtio device on PCI, with MSI-X (virtio 4.1). */
export class VirtioPciFunction implements PciFunction {
  readonly name: string;
  readonly device: VirtioDevice;
  readonly config: ConfigurationSpace;
  readonly bars: readonly (BarSpace | undefined)[];
  readonly negotiation: Negotiation;
  readonly msix: Msix;
  readonly onFault = new Signal<FaultEvent>();
  readonly onNegotiated = new Signal<NegotiationEvent>();
  /** The driver set DRIVER_OK (true), or the device was reset (false). */
  readonly onActive = new Signal<boolean>();

  /** The way of the device's interrupts to the driver. */
  readonly interrupts: InterruptRouter;
  /** By index; undefined where the driver has none at work. */
  readonly queues: (ActiveQueue | undefined)[];

  private readonly common: CommonConfig;
  private notifications = new NotificationFormat(0n);
  private host: PciHost | undefined;
  private readonly legacy: LegacyInterface | undefined;
  private readonly mapped: (number | undefined)[] = [];
  private lineAsserted = false;
  private suspending = false;
  /** The driver of a suspended device has yet to be told that something changed. */
  private untold = false;

  /**
   * @param options vectors: MSI-X table entries, up to 2048; with none there is no MSI-X; when left out one for each queue
   *   and one for the configuration
   * @throws RangeError for a transitional device of a kind that is younger than virtio 1.0
   */
  constructor(device: VirtioDevice, options: { name?: string | undefined; vectors?: number | undefined } = {}) {
    const queueCount = device.queueSizes.length;
    this.name = options.name ?? `virtio-${device.deviceId}`;
    this.device = device;
    this.queues = new Array<ActiveQueue | undefined>(queueCount).fill(undefined);
    this.msix = new Msix(options.vectors ?? queueCount + 1, (address, data) => this.sendMessage(address, data));
    this.interrupts = new InterruptRouter(this.msix, queueCount, () => this.updateLine());
    this.negotiation = new Negotiation(device, {
      reset: () => this.resetDevice(),
      driverOk: () => this.guard(() => this.activate()),
      suspend: () => this.suspend(),
      resume: () => this.goOn(),
      negotiated: () => this.announceNegotiation(),
      violation: (fault) => this.report(fault, false),
    });
    this.common = new CommonConfig(device, this.negotiation, this.interrupts, {
      queueEnabled: (index) => this.guard(() => this.queueEnabled(index)),
      queueReset: (index) => this.queueReset(index),
      violation: (fault) => this.report(fault, false),
      statusRead: () => this.suspendIfDone(),
    });
    this.legacy = device.transitional ? this.legacyInterface() : undefined;
    this.bars = this.legacy ? [this.legacy, this.bar(queueCount)] : [this.bar(queueCount)];
    this.config = this.configuration(queueCount);
    device.onFault = (fault, needsReset) => (needsReset ? this.fail(fault) : this.report(fault, false));
    device.onConfigChange = (byDriver) => this.configChanged(byDriver);
  }

  /** What the device works with while its driver uses it. */
  get active(): Activation | undefined {
    return this.negotiation.driverReady ? this.activation() : undefined;
  }

  plug(host: PciHost): void {
    this.host = host;
  }

  reset(): void {
    this.resetDevice();
    this.msix.reset();
    this.config.reset();
    this.configurationChanged();
  }

  /** The vectors of the table, each with what the driver uses it for now. */
  vectorUses(): VectorUse[] {
    const uses = Array.from({ length: this.msix.vectors }, (): string[] => []);
    uses[this.interrupts.getConfigVector()]?.push('config');
    this.queues.forEach((_, index) => {
      uses[this.interrupts.getQueueVector(index)]?.push(this.device.queueName(index));
    });
    return uses.map((use, vector) => ({ vector, use: use.join(' '), fired: this.msix.fired[vector] }));
  }

  /** As the function is at one moment, whatever threads the device has. */
  save(): VirtioPciState {
    return this.device.whileStill?.(() => this.state()) ?? this.state();
  }

  private state(): VirtioPciState {
    return {
      version: stateVersion,
      deviceId: this.device.deviceId,
      configuration: this.config.save(),
      msix: this.msix.save(),
      interrupts: this.interrupts.save(),
      negotiation: this.negotiation.save(),
      common: this.common.save(),
      ...(this.legacy && { legacy: this.legacy.block.save() }),
      ...(this.suspending && { suspending: true }),
      ...(this.untold && { untold: true }),
      queues: this.queues.map((queue) => queue?.save() ?? null),
      device: this.device.save(),
    };
  }

  restore(saved: unknown): void {
    const state = readState(saved, this.device.deviceId, this.queues.length, this.device.transitional);
    const wasActive = this.negotiation.driverReady;
    this.device.restore(state.device);
    this.queues.fill(undefined);
    this.config.restore(state.configuration);
    this.msix.restore(state.msix);
    this.interrupts.restore(state.interrupts);
    this.negotiation.restore(state.negotiation);
    this.common.restore(state.common);
    if (state.legacy) this.legacy?.block.restore(state.legacy);
    this.suspending = state.suspending ?? false;
    this.untold = state.untold ?? false;
    if (this.msix.vectors > 0) this.msixControl(this.config.get('msix.control'));
    this.configurationChanged();
    const active = this.negotiation.driverReady;
    if (active) this.guard(() => this.resume(state));
    if (active !== wasActive) this.onActive.emit(active);
  }

  /** Takes up the queues where they stood. */
  private resume(state: VirtioPciState): void {
    this.makeQueues();
    state.queues.forEach((queue, index) => {
      if (queue) this.queues[index]?.restore(queue);
    });
    this.device.activate(this.activation());
    if (this.suspending || this.negotiation.suspended) this.device.suspend?.();
  }

  private activate(): void {
    this.makeQueues();
    this.device.activate(this.activation());
    this.onActive.emit(true);
  }

  private activation(): Activation {
    return {
      queues: this.queues,
      features: this.negotiation.features,
      memory: this.plugged.memory,
      interrupts: this.interrupts,
    };
  }

  private makeQueues(): void {
    this.notifications = new NotificationFormat(this.negotiation.features);
    this.common.queues.forEach((queue, index) => {
      if (queue.enabled) this.makeQueue(index);
    });
  }

  private makeQueue(index: number): void {
    const setup = queueSetup(this.common.queues[index], index);
    const most = this.device.queueSizes[index];
    if (setup.size > most) throw new DriverFault('queue-size', `size ${setup.size} of at most ${most}`, index);
    const made = [setup, this.plugged.memory, this.negotiation.features] as const;
    const queue = this.device.newQueue?.(...made) ?? newQueue(...made);
    queue.paused = this.halted;
    this.queues[index] = queue;
  }

  /** A queue enabled after DRIVER_OK; those enabled before are made then, when the features are known. */
  private queueEnabled(index: number): void {
    if (!this.negotiation.driverReady) return;
    this.makeQueue(index);
    this.device.notify(index, false);
  }

  private queueReset(index: number): void {
    if (!this.queues[index]) return;
    this.device.resetQueue(index);
    this.queues[index] = undefined;
  }

  private notify(index: number, width: AccessWidth, value: number): void {
    const { negotiation } = this;
    if (negotiation.needsReset) {
      this.report(new DriverFault('notify-needs-reset', 'a notification', index), false);
    } else if (negotiation.suspended) {
      this.report(new DriverFault('notify-suspended', 'a notification', index), false);
    } else if (!negotiation.driverReady) {
      this.report(new DriverFault('notify-before-driver-ok', 'a notification', index), false);
    } else if (!this.queues[index]) {
      this.report(new DriverFault('notify-unknown-queue', `queue ${index} of ${this.queues.length}`, index), false);
    } else {
      const fault = this.notifications.faultOf(index, width, value);
      if (fault) this.report(fault, false);
      // As `guard` does, without a closure for each notification.
      try {
        this.device.notify(index);
      } catch (error) {
        this.fail(asFault(error));
      }
    }
  }

  /** Virtio 1.4, 3.4: the driver sees by the status when the device stands still. */
  private suspend(): void {
    this.suspending = true;
    this.suspendIfDone();
  }

  private suspendIfDone(): void {
    if (!this.suspending) return;
    this.guard(() => {
      if (this.device.suspend?.() === false) return;
      this.suspending = false;
      this.negotiation.suspended = true;
      this.pauseQueues();
    });
  }

  private goOn(): void {
    this.device.resume?.();
    this.pauseQueues();
    if (this.untold) this.interrupts.config();
    this.untold = false;
  }

  private resetDevice(): void {
    const wasActive = this.negotiation.driverReady;
    this.suspending = false;
    this.untold = false;
    this.device.reset();
    this.queues.fill(undefined);
    this.negotiation.reset();
    this.common.reset();
    this.legacy?.reset();
    this.interrupts.reset();
    this.msix.clearPending();
    if (wasActive) this.onActive.emit(false);
  }

  /** Runs what works on the guest's data; what the guest did wrong there ends in DEVICE_NEEDS_RESET, not in a throw. */
  private guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(asFault(error));
    }
  }

  private fail(fault: DriverFault): void {
    const tellDriver = this.negotiation.failDevice();
    for (const queue of this.queues) {
      if (!queue) continue;
      // What was done before the rule was broken is done.
      queue.publish();
      queue.paused = true;
    }
    this.report(fault, true);
    if (tellDriver) this.tellOfChange();
  }

  private report(fault: DriverFault, needsReset: boolean): void {
    this.onFault.emit({ fault, needsReset });
  }

  private announceNegotiation(): void {
    const { device, negotiation } = this;
    this.onNegotiated.emit({
      offered: featureNames(negotiation.offered, device.featureTable),
      accepted: featureNames(negotiation.features, device.featureTable),
      refusal: negotiation.refusals.at(0)?.reason,
    });
  }

  private configChanged(byDriver: boolean): void {
    this.common.configChanged = true;
    if (this.negotiation.driverReady && !byDriver) this.tellOfChange();
  }

  private tellOfChange(): void {
    if (this.negotiation.suspended) this.untold = true;
    else this.interrupts.config();
  }

  /** The command register or a BAR was written: mapping, bus mastering and the interrupt line follow. */
  private configurationChanged(): void {
    for (const bar of this.bars.keys()) {
      const address = this.config.barAddress(bar);
      if (address === this.mapped[bar]) continue;
      this.mapped[bar] = address;
      this.host?.mapBar(bar, address);
    }
    this.pauseQueues();
    this.updateLine();
  }

  /** Has the queues stand still, or go on. */
  private pauseQueues(): void {
    this.queues.forEach((queue, index) => {
      if (!queue || queue.paused === this.halted) return;
      queue.paused = this.halted;
      if (!queue.paused) this.guard(() => this.device.notify(index, false));
    });
  }

  private msixControl(value: number): void {
    this.msix.control((value & msixEnable) !== 0, (value & msixFunctionMask) !== 0);
    this.updateLine();
  }

  /** The queues stand still: memory is out of reach, or the device needs a reset, or the driver suspended it. */
  private get halted(): boolean {
    return !this.busMaster || this.negotiation.needsReset || this.negotiation.suspended;
  }

  /** A function that is not bus master may neither reach memory nor send messages (PCI 3.0, 6.2.2). */
  private get busMaster(): boolean {
    return (this.config.command & command.busMaster) !== 0;
  }

  private sendMessage(address: number, data: number): void {
    if (this.busMaster) this.plugged.message(address, data);
  }

  private updateLine(): void {
    const asserted = this.interrupts.asserted && (this.config.command & command.interruptDisable) === 0;
    if (asserted === this.lineAsserted) return;
    this.lineAsserted = asserted;
    this.plugged.interrupt(asserted);
  }

  /** The machine it is plugged into. @throws Error while it is not */
  get plugged(): PciHost {
    if (!this.host) throw new Error(`${this.name} is not plugged into a machine`);
    return this.host;
  }

  private configuration(queueCount: number): ConfigurationSpace {
    const { device } = this;
    const bar = layout.memoryBar(device.transitional);
    const capabilities = capabilityRegisters(bar, this.msix.vectors, queueCount, device.configLength, {
      msixControl: (value) => this.msixControl(value),
      ...windowAccess(this),
    });
    return new ConfigurationSpace(identityOf(device.deviceId, device.transitional), this.bars, capabilities, {
      changed: () => this.configurationChanged(),
      interruptPending: () => this.interrupts.asserted,
    });
  }

  private legacyInterface(): LegacyInterface {
    const { device, negotiation, interrupts, msix, common } = this;
    return new LegacyInterface(
      { device, negotiation, interrupts, msix, queues: common.queues },
      {
        queueEnabled: (index) => this.guard(() => this.queueEnabled(index)),
        // As legacy devices do: a ring that goes away while it is in use takes the driver with it.
        queueReleased: () => {
          if (negotiation.driverReady) this.resetDevice();
        },
        notified: (index) => this.notify(index, 2, index),
        configRead: () => common.configRead(),
        guard: (work) => this.guard(work),
        violation: (fault) => this.report(fault, false),
      },
    );
  }

  private bar(queueCount: number): BarSpace {
    const { common, msix, interrupts, device } = this;
    const isr = new RegisterBlock(layout.isrBytes, [
      { name: 'isrStatus', offset: 0, width: 1, read: () => interrupts.readIsr() },
    ]);
    return dispatchBar(layout.barBytes, [
      { offset: layout.commonOffset, size: layout.commonBytes, space: common.block },
      { offset: layout.isrOffset, size: layout.isrBytes, space: isr },
      {
        offset: layout.deviceOffset,
        size: device.configLength,
        space: {
          read: (offset, width) => {
            common.configRead();
            return device.readConfig(offset, width);
          },
          write: (offset, width, value) => {
            if (!this.negotiation.suspended) this.guard(() => device.writeConfig(offset, width, value));
          },
        },
      },
      {
        offset: layout.notifyOffset,
        size: queueCount * layout.notifyMultiplier,
        space: {
          read: () => 0,
          // The address names the queue; further bytes of a split write say nothing new (4.1.4.4).
          write: (offset, width, value) => {
            if (offset % layout.notifyMultiplier === 0) this.notify(offset / layout.notifyMultiplier, width, value);
          },
        },
      },
      { offset: layout.msixTableOffset, size: msix.table.size, space: msix.table },
      { offset: layout.msixPendingOffset, size: msix.pendingBits.size, space: msix.pendingBits },
    ]);
  }
}
