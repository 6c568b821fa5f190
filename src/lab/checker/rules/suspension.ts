import { has, status } from '../../../driver/index.js';
import type { Findings } from '../findings.js';
import type { QueueWatch } from '../queues/queueWatch.js';
import type { Buffer } from '../queues/ring.js';
import type { Field, Rules } from '../rules.js';
import type { DriverView } from '../view.js';

const { driverOk } = status;
const suspendBit = status.suspend;

/** What a driver may not do while it has a device suspended, and may not do yet when it has it go on (virtio 1.4, 3.4.1). */
const forbidden = {
  suspended: { exposes: 'basic-dri-027', notifies: 'basic-dri-028', configures: 'basic-dri-029' },
  resuming: { exposes: 'basic-dri-030', notifies: 'basic-dri-030', configures: 'basic-dri-030' },
} as const;
type Act = keyof (typeof forbidden)['suspended'];

/** The suspension of a device (virtio 1.4, 3.4.1). */
export class SuspensionRules implements Rules {
  private readonly findings: Findings;
  private readonly view: DriverView;
  private readonly queues: QueueWatch;
  private phase: keyof typeof forbidden | undefined;
  /** The driver has not seen yet that the device is suspended. */
  private unverified = false;
  /** What it did that it must not. */
  private readonly done = new Set<Act>();

  constructor(findings: Findings, view: DriverView, queues: QueueWatch) {
    this.findings = findings;
    this.view = view;
    this.queues = queues;
  }

  write(field: Field, value: number): void {
    if (field !== 'deviceStatus') return;
    const { findings, view } = this;
    const before = view.status;
    if (value & suspendBit && !(before & suspendBit) && this.phase === undefined) this.suspends(before);
    if (before & suspendBit && !(before & driverOk) && value & driverOk) {
      findings.check('basic-dri-026', !this.unverified, () => 'the device goes on, and was not seen to be suspended');
    }
  }

  /** What was made available while the device was suspended is found as soon as it goes on, before this. */
  wrote(field: Field, value: number): void {
    if (field !== 'deviceStatus' || this.phase !== 'suspended' || !(value & driverOk) || this.unverified) return;
    this.ends();
    this.phase = 'resuming';
  }

  read(field: Field, value: number): void {
    if (field !== 'deviceStatus') return;
    const both = value & (suspendBit | driverOk);
    if (both === suspendBit) this.unverified = false;
    if (both === driverOk && this.phase === 'resuming') {
      this.ends();
      this.phase = undefined;
    }
  }

  exposed(buffer: Buffer): void {
    this.does('exposes', () => 'a buffer was made available', buffer);
  }

  notified(queue: number): void {
    this.does('notifies', () => 'a notification', { queue });
  }

  configWrite(offset: number): void {
    this.does('configures', () => `a write to offset ${offset}`);
  }

  reset(): void {
    this.forget();
  }

  forget(): void {
    this.phase = undefined;
    this.unverified = false;
    this.done.clear();
  }

  private suspends(before: number): void {
    const { findings, view } = this;
    const mayBe = (before & driverOk) !== 0 && has(view.accepted, 'VIRTIO_F_SUSPEND');
    findings.check('basic-dri-025', mayBe, () => `status 0x${before.toString(16)} when SUSPEND was set`);
    if (!mayBe) return;
    // What was made available before is not to be taken for something made available later.
    this.queues.lookAt(-1);
    this.phase = 'suspended';
    this.unverified = true;
  }

  private does(act: Act, seen: () => string, place?: { queue: number; descriptor?: number }): void {
    if (!this.phase) return;
    this.done.add(act);
    this.findings.check(forbidden[this.phase][act], false, seen, place);
  }

  /** A phase without what is forbidden in it is an event for each statement that was kept. */
  private ends(): void {
    if (!this.phase) return;
    const statements = forbidden[this.phase];
    const broken = new Set([...this.done].map((act) => statements[act]));
    for (const statement of new Set(Object.values(statements))) {
      if (!broken.has(statement)) this.findings.check(statement, true, () => '');
    }
    this.done.clear();
  }
}
