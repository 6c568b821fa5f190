import { has } from '../../../driver/index.js';
import type { AccessWidth } from '../../../virtio/registers.js';
import type { Findings, Place } from '../findings.js';
import type { Rules } from '../rules.js';
import type { DriverView } from '../view.js';

/** What a driver writes to notify of available buffers (virtio 4.1.5.2.1). */
export class NotificationRules implements Rules {
  private readonly findings: Findings;
  private readonly view: DriverView;

  constructor(findings: Findings, view: DriverView) {
    this.findings = findings;
    this.view = view;
  }

  notified(queue: number, width: AccessWidth, value: number): void {
    const { view } = this;
    if (view.legacy) return;
    const data = has(view.accepted, 'VIRTIO_F_NOTIFICATION_DATA');
    this.checkWidth(data, width, { queue });
    this.checkName(data, queue, width, value);
  }

  /** Of two halves that came one by one nobody can say whether the driver or an emulator cut 16 bits apart. */
  private checkWidth(data: boolean, width: AccessWidth, place: Place): void {
    const { findings } = this;
    const seen = (): string => `${8 * width} bits`;
    if (data) findings.check('pci-dri-030', width === 4, seen, place);
    else if (width !== 1) findings.check('pci-dri-029', width === 2, seen, place);
  }

  private checkName(data: boolean, queue: number, width: AccessWidth, value: number): void {
    const { findings, view } = this;
    const named = has(view.accepted, 'VIRTIO_F_NOTIF_CONFIG_DATA');
    const mask = width === 1 ? 0xff : 0xffff;
    const expected = named ? this.configData(queue) : queue;
    const right = (value & mask) === (expected & mask);
    const plain = named ? 'pci-dri-033' : 'pci-dri-031';
    const withData = named ? 'pci-dri-034' : 'pci-dri-032';
    const seen = (): string => `${value & mask}, not ${expected & mask}`;
    findings.check(data ? withData : plain, right, seen, { queue });
  }

  /** `queue_notif_config_data` of a queue. */
  private configData(queue: number): number {
    return this.view.queueField(queue, 'queueNotifConfigData');
  }
}
