import type { InterruptSink } from '../virtio/device.js';
import { Signal } from '../virtio/signal.js';
import type { Msix } from './msix.js';
import { noVector } from './ids.js';

/** Bits of the ISR status (virtio 4.1.4.5). */
const isr = { queue: 1, config: 2 } as const;

export interface InterruptState {
  isr: number;
  configVector: number;
  queueVectors: number[];
}

/** Turns a virtio device's interrupts into MSI-X messages, or INTx and the ISR status without MSI-X (virtio 4.1.5). */
export class InterruptRouter implements InterruptSink {
  readonly onMessages = new Signal<void>();
  private readonly msix: Msix;
  private readonly lineChanged: () => void;
  private isrStatus = 0;
  private configVector: number = noVector;
  private readonly queueVectors: Uint16Array;
  /** The queue whose vector is about to change. */
  private moving: number | undefined;

  /** @param lineChanged told when `asserted` may have changed */
  constructor(msix: Msix, queues: number, lineChanged: () => void) {
    this.msix = msix;
    this.lineChanged = lineChanged;
    this.queueVectors = new Uint16Array(queues).fill(noVector);
    msix.onChange = () => this.onMessages.emit();
  }

  /** Whether INTA# is to be asserted, as far as the device is concerned. */
  get asserted(): boolean {
    return this.isrStatus !== 0 && !this.msix.enabled;
  }

  queue(index: number): void {
    if (!this.msix.enabled) this.isrStatus |= isr.queue;
    this.signal(this.queueVectors[index]);
  }

  message(index: number): { address: number; data: number } | undefined {
    return index === this.moving ? undefined : this.msix.message(this.queueVectors[index]);
  }

  sent(index: number, count: number): void {
    const vector = this.queueVectors[index];
    if (vector !== noVector) this.msix.fired[vector] += count;
  }

  /** Its bit is set with MSI-X too (4.1.4.5.1). */
  config(): void {
    this.isrStatus |= isr.config;
    this.signal(this.configVector);
  }

  /** The ISR status; reading it clears it and releases the line. */
  readIsr(): number {
    const value = this.isrStatus;
    this.isrStatus = 0;
    this.lineChanged();
    return value;
  }

  getConfigVector(): number {
    return this.configVector;
  }

  /** A vector that the table does not have reads back as "no vector" (4.1.5.1.2.1). */
  setConfigVector(vector: number): void {
    this.configVector = this.valid(vector);
  }

  getQueueVector(queue: number): number {
    return queue < this.queueVectors.length ? this.queueVectors[queue] : noVector;
  }

  setQueueVector(queue: number, vector: number): void {
    // Whoever sends the queue's messages stops that first, and tells what was sent with the vector as it was.
    this.moving = queue;
    this.onMessages.emit();
    this.moving = undefined;
    this.queueVectors[queue] = this.valid(vector);
    this.onMessages.emit();
  }

  reset(): void {
    this.isrStatus = 0;
    this.configVector = noVector;
    this.queueVectors.fill(noVector);
    this.lineChanged();
  }

  save(): InterruptState {
    return { isr: this.isrStatus, configVector: this.configVector, queueVectors: Array.from(this.queueVectors) };
  }

  restore(state: InterruptState): void {
    this.isrStatus = state.isr;
    this.configVector = state.configVector;
    this.queueVectors.set(state.queueVectors);
  }

  private signal(vector: number): void {
    if (!this.msix.enabled) this.lineChanged();
    else if (vector !== noVector) this.msix.fire(vector);
  }

  private valid(vector: number): number {
    return vector < this.msix.vectors ? vector : noVector;
  }
}
