import { status } from '../../../driver/index.js';
import type { Findings } from '../findings.js';
import type { Field, Rules } from '../rules.js';
import type { DriverView } from '../view.js';
import { hex } from '../../hex.js';

const { acknowledge, driver, featuresOk, driverOk, failed } = status;
const needsReset = 64;
/** What has to be there before each bit: by the interface of virtio 1.0, and by the legacy one, which has no FEATURES_OK. */
const before = [
  { bit: driver, needs: acknowledge, legacyNeeds: acknowledge, name: 'DRIVER' },
  { bit: featuresOk, needs: acknowledge | driver, legacyNeeds: 0, name: 'FEATURES_OK' },
  { bit: driverOk, needs: acknowledge | driver | featuresOk, legacyNeeds: acknowledge | driver, name: 'DRIVER_OK' },
] as const;

/** The device status, and the order of the steps that it tells of (virtio 2.1, 3.1.1, 4.1.4.3.2). */
export class InitialisationRules implements Rules {
  private readonly findings: Findings;
  private readonly view: DriverView;
  /** The driver reset the device since it, or the machine, began. */
  private wasReset = false;
  /** It has not read the 0 of the reset yet. */
  private resetUnread = false;
  /** It wrote FEATURES_OK and has not read the status since. */
  private featuresOkUnread = false;
  /** The device refused FEATURES_OK. */
  private refused = false;

  constructor(findings: Findings, view: DriverView) {
    this.findings = findings;
    this.view = view;
  }

  write(field: Field, value: number): void {
    if (field === 'deviceStatus') this.writeStatus(value);
    else if (field === 'driverFeature') this.stepTold('accepts features');
    else if (field === 'queueEnable' && value === 1) this.enablesQueue();
  }

  wrote(field: Field, value: number): void {
    if (field !== 'deviceStatus' || !(value & featuresOk) || this.view.legacy) return;
    this.refused = (this.view.status & featuresOk) === 0;
  }

  read(field: Field, value: number): void {
    if (field !== 'deviceStatus') return;
    if (value === 0) this.resetUnread = false;
    this.featuresOkUnread = false;
  }

  notified(queue: number): void {
    const { findings, view } = this;
    // Legacy drivers used devices before DRIVER_OK, and devices have to bear it (3.1.2).
    if (view.legacy) return;
    findings.check('basic-dri-022', view.driverReady, () => `status ${hex(view.status)}`, { queue });
  }

  reset(): void {
    this.wasReset = this.resetUnread = true;
    this.featuresOkUnread = this.refused = false;
  }

  forget(): void {
    this.wasReset = this.resetUnread = this.featuresOkUnread = this.refused = false;
  }

  private writeStatus(value: number): void {
    const { findings, view } = this;
    if (value === 0) return;
    const old = view.status & ~needsReset;
    const added = value & ~old;
    const seen = (): string => `status ${hex(old)} became ${hex(value)}`;
    findings.check('basic-dri-002', (old & ~value) === 0, seen);
    if (old & failed) findings.check('basic-dri-003', (added & ~failed) === 0, seen);
    if (added & acknowledge && view.history) {
      findings.check('basic-dri-017', this.wasReset, () => 'ACKNOWLEDGE without a reset before');
      if (this.wasReset && !view.legacy) {
        findings.check('pci-dri-016', !this.resetUnread, () => 'the status was not read as 0 after the reset');
      }
    }
    for (const { bit, needs, legacyNeeds, name } of before) {
      if (!(added & bit)) continue;
      const needed = view.legacy ? legacyNeeds : needs;
      // Two steps may be told in one write; only FEATURES_OK is the device's to give.
      const there = bit === driverOk ? (old & featuresOk) | (value & ~featuresOk) : value;
      findings.check('basic-dri-017', (needed & ~there) === 0, () => `${name}: ${seen()}`);
    }
    if (added & driverOk && !view.legacy) {
      findings.check('basic-dri-017', !this.featuresOkUnread, () => 'FEATURES_OK was not read back before DRIVER_OK');
      if (this.refused) findings.check('basic-dri-021', false, () => 'DRIVER_OK after FEATURES_OK was refused');
    }
    if (added & failed && this.refused) findings.check('basic-dri-021', true, seen);
    if (added & featuresOk) this.featuresOkUnread = true;
  }

  private enablesQueue(): void {
    const { findings, view } = this;
    const queue = view.queueSelect;
    this.stepTold('enables a queue');
    if (this.refused) {
      findings.check('basic-dri-021', false, () => 'a queue is enabled after FEATURES_OK was refused', { queue });
    }
    const agreed = (view.status & featuresOk) !== 0;
    findings.check('basic-dri-017', agreed, () => `a queue is enabled in status ${hex(view.status)}`, { queue });
  }

  private stepTold(step: string): void {
    const { findings, view } = this;
    const missing = (acknowledge | driver) & ~view.status;
    findings.check('basic-dri-001', missing === 0, () => `the driver ${step} in status ${hex(view.status)}`);
  }
}
