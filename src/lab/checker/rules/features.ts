import { featureBits, has, status, type FeatureName } from '../../../driver/index.js';
import type { Findings } from '../findings.js';
import type { Field, Rules } from '../rules.js';
import type { DriverView } from '../view.js';

/** Feature bit requirements (virtio 5.1.3.1): a feature, and what of each group it needs one. */
const requirements: readonly (readonly [FeatureName, ...(readonly FeatureName[])[]])[] = [
  ['VIRTIO_NET_F_GUEST_TSO4', ['VIRTIO_NET_F_GUEST_CSUM']],
  ['VIRTIO_NET_F_GUEST_TSO6', ['VIRTIO_NET_F_GUEST_CSUM']],
  ['VIRTIO_NET_F_GUEST_ECN', ['VIRTIO_NET_F_GUEST_TSO4', 'VIRTIO_NET_F_GUEST_TSO6']],
  ['VIRTIO_NET_F_GUEST_UFO', ['VIRTIO_NET_F_GUEST_CSUM']],
  ['VIRTIO_NET_F_GUEST_USO4', ['VIRTIO_NET_F_GUEST_CSUM']],
  ['VIRTIO_NET_F_GUEST_USO6', ['VIRTIO_NET_F_GUEST_CSUM']],
  [
    'VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO',
    ['VIRTIO_NET_F_GUEST_TSO4'],
    ['VIRTIO_NET_F_GUEST_TSO6'],
    ['VIRTIO_NET_F_GUEST_USO4'],
    ['VIRTIO_NET_F_GUEST_USO6'],
  ],
  ['VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM', ['VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO']],
  ['VIRTIO_NET_F_HOST_TSO4', ['VIRTIO_NET_F_CSUM']],
  ['VIRTIO_NET_F_HOST_TSO6', ['VIRTIO_NET_F_CSUM']],
  ['VIRTIO_NET_F_HOST_ECN', ['VIRTIO_NET_F_HOST_TSO4', 'VIRTIO_NET_F_HOST_TSO6']],
  ['VIRTIO_NET_F_HOST_UFO', ['VIRTIO_NET_F_CSUM']],
  ['VIRTIO_NET_F_HOST_USO', ['VIRTIO_NET_F_CSUM']],
  [
    'VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO',
    ['VIRTIO_NET_F_HOST_TSO4'],
    ['VIRTIO_NET_F_HOST_TSO6'],
    ['VIRTIO_NET_F_HOST_USO'],
  ],
  ['VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM', ['VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO']],
  ['VIRTIO_NET_F_CTRL_RX', ['VIRTIO_NET_F_CTRL_VQ']],
  ['VIRTIO_NET_F_CTRL_VLAN', ['VIRTIO_NET_F_CTRL_VQ']],
  ['VIRTIO_NET_F_GUEST_ANNOUNCE', ['VIRTIO_NET_F_CTRL_VQ']],
  ['VIRTIO_NET_F_MQ', ['VIRTIO_NET_F_CTRL_VQ']],
  ['VIRTIO_NET_F_CTRL_MAC_ADDR', ['VIRTIO_NET_F_CTRL_VQ']],
  ['VIRTIO_NET_F_NOTF_COAL', ['VIRTIO_NET_F_CTRL_VQ']],
  ['VIRTIO_NET_F_RSC_EXT', ['VIRTIO_NET_F_HOST_TSO4', 'VIRTIO_NET_F_HOST_TSO6']],
  ['VIRTIO_NET_F_RSS', ['VIRTIO_NET_F_CTRL_VQ']],
  ['VIRTIO_NET_F_VQ_NOTF_COAL', ['VIRTIO_NET_F_CTRL_VQ']],
  ['VIRTIO_NET_F_HASH_TUNNEL', ['VIRTIO_NET_F_CTRL_VQ'], ['VIRTIO_NET_F_RSS', 'VIRTIO_NET_F_HASH_REPORT']],
  ['VIRTIO_NET_F_RSS_CONTEXT', ['VIRTIO_NET_F_CTRL_VQ']],
  ['VIRTIO_NET_F_RSS_CONTEXT', ['VIRTIO_NET_F_RSS']],
];

const names = new Map<number, string>(Object.entries(featureBits).map(([name, bit]) => [bit, name]));
/** Every bit that means something for a network card. */
const known = [...names.keys()].reduce((set, bit) => set | (1n << BigInt(bit)), 0n);

/** What a driver accepts (virtio 2.2, 6.1). */
export class FeatureRules implements Rules {
  private readonly findings: Findings;
  private readonly view: DriverView;
  /** The words of the offered features that were read since the device was switched on. */
  private readonly wordsRead = new Set<number>();

  constructor(findings: Findings, view: DriverView) {
    this.findings = findings;
    this.view = view;
  }

  read(field: Field): void {
    if (field === 'deviceFeature') this.wordsRead.add(this.view.legacy ? 0 : this.view.deviceFeatureSelect);
  }

  write(field: Field, value: number): void {
    if (field === 'driverFeature') this.accepts(value);
    else if (field === 'deviceStatus') this.writeStatus(value);
  }

  forget(): void {
    this.wordsRead.clear();
  }

  private accepts(value: number): void {
    const { findings, view } = this;
    const word = view.legacy ? 0 : view.driverFeatureSelect;
    const before = Number((view.accepted >> BigInt(32 * word)) & 0xffffffffn);
    if (!view.legacy) {
      const late = view.status & status.featuresOk ? value & ~before : 0;
      findings.check('basic-dri-019', late === 0, () => `bits 0x${(late >>> 0).toString(16)} of word ${word}`);
    }
    // A driver that comes back, as after a sleep, may remember what it was offered.
    if (value !== 0 && view.fresh) {
      findings.check(
        'basic-dri-006',
        this.wordsRead.has(word),
        () => `word ${word} of the offered features was not read`,
      );
    }
  }

  private writeStatus(value: number): void {
    const { findings, view } = this;
    const added = value & ~view.status;
    // A legacy driver has no FEATURES_OK to write: its features are what it accepted up to DRIVER_OK.
    if (!(added & (view.legacy ? status.driverOk : status.featuresOk))) return;
    const { accepted, offered } = view;
    const strange = accepted & ~known;
    findings.check('basic-dri-007', strange === 0n, () => `bits ${list(strange)}`);
    const unoffered = accepted & ~offered;
    findings.check('basic-dri-005', unoffered === 0n, () => `not offered: ${list(unoffered)}`);
    for (const [name, ...groups] of requirements) {
      if (!has(accepted, name)) continue;
      const missing = groups.find((group) => !group.some((other) => has(accepted, other)));
      findings.check('basic-dri-005', !missing, () => `${name} without ${missing!.join(' or ')}`);
    }
    // No card of ours has virtual functions, or says so.
    findings.check('basic-dri-037', !has(accepted, 'VIRTIO_F_SR_IOV'), () => 'the device has no virtual functions');
    if (!view.legacy && has(offered, 'VIRTIO_F_VERSION_1')) {
      findings.check('basic-dri-031', has(accepted, 'VIRTIO_F_VERSION_1'), () => `accepted: ${list(accepted)}`);
    }
  }
}

function list(set: bigint): string {
  const found: string[] = [];
  for (let bit = 0, rest = set; rest !== 0n; bit++, rest >>= 1n) {
    if (rest & 1n) found.push(names.get(bit) ?? `bit ${bit}`);
  }
  return found.join(', ') || 'none';
}
