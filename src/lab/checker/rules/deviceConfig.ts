import { has, netConfigField, status, type FeatureName } from '../../../driver/index.js';
import type { AccessWidth } from '../../../virtio/registers.js';
import type { Findings } from '../findings.js';
import type { Rules } from '../rules.js';
import type { DriverView } from '../view.js';

const hashing = ['VIRTIO_NET_F_RSS', 'VIRTIO_NET_F_HASH_REPORT'] as const;
const speeds = ['VIRTIO_NET_F_SPEED_DUPLEX'] as const;

/** The features of which one makes a field exist (virtio 5.1.4); `mac` always does. */
const features: Readonly<Partial<Record<keyof typeof netConfigField, readonly FeatureName[]>>> = {
  status: ['VIRTIO_NET_F_STATUS'],
  maxVirtqueuePairs: ['VIRTIO_NET_F_MQ', 'VIRTIO_NET_F_RSS'],
  mtu: ['VIRTIO_NET_F_MTU'],
  speed: speeds,
  duplex: speeds,
  rssMaxKeySize: hashing,
  rssMaxIndirectionTableLength: ['VIRTIO_NET_F_RSS'],
  supportedHashTypes: hashing,
  supportedTunnelTypes: ['VIRTIO_NET_F_HASH_TUNNEL'],
};

const optional = Object.entries(features).map(([name, oneOf]) => {
  const { offset, width } = netConfigField[name as keyof typeof features];
  return { name, offset, width, oneOf };
});

/** How a driver uses the network card's configuration (virtio 2.5.2, 3.1.1, 5.1.4.2). */
export class DeviceConfigRules implements Rules {
  private readonly findings: Findings;
  private readonly view: DriverView;

  constructor(findings: Findings, view: DriverView) {
    this.findings = findings;
    this.view = view;
  }

  configRead(offset: number, width: AccessWidth): void {
    this.exists(offset, width);
  }

  configWrite(offset: number, width: AccessWidth): void {
    const { findings, view } = this;
    this.exists(offset, width);
    // A legacy driver may write the address (5.1.4.3).
    if (view.legacy) return;
    const seen = (): string => `${width} bytes were written at ${offset}`;
    findings.check('net-dri-001', false, seen);
    findings.check('basic-dri-018', (view.status & status.featuresOk) !== 0, seen);
  }

  wrote(field: string, value: number): void {
    // Each initialisation that came to its features without a write is one that did right.
    if (field !== 'deviceStatus' || !(value & status.driverOk) || this.view.legacy) return;
    this.findings.check('net-dri-001', true, () => '');
    this.findings.check('basic-dri-018', true, () => '');
  }

  private exists(offset: number, width: AccessWidth): void {
    const touched = optional.filter((field) => offset < field.offset + field.width && field.offset < offset + width);
    if (touched.length === 0) return;
    const { offered } = this.view;
    for (const { name, oneOf } of touched) {
      const there = oneOf.some((feature) => has(offered, feature));
      this.findings.check('basic-dri-012', there, () => `${name} without ${oneOf.join(' or ')}`);
    }
  }
}
