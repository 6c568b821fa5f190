/** A set of feature bits: bit i of the number is feature bit i (virtio 2.2). */
export type Features = bigint;

export interface Feature {
  /** The specification's name. */
  readonly name: string;
  readonly bit: number;
  /** Each group must have at least one of its names accepted too. */
  readonly dependsOn: readonly (readonly string[])[];
  /** Section of the specification (virtio 1.3). */
  readonly spec: string;
  /** False for what a device offers only when it is asked to. */
  readonly offeredByDefault?: false;
  /** Offered by transitional devices, through their legacy interface and nowhere else. */
  readonly legacyOnly?: true;
}

const modern = [['VIRTIO_F_VERSION_1']] as const;

/** Marks what only drivers from before virtio 1.0 are offered. */
export const legacyFeature = { offeredByDefault: false, legacyOnly: true } as const;

/**
 * Features of rings and transport, the same for every kind of device (virtio chapter 6). Those beyond bit 32 are out of
 * a legacy driver's reach.
 */
export const ringFeatures = [
  { name: 'VIRTIO_F_NOTIFY_ON_EMPTY', bit: 24, dependsOn: [], spec: '6.3', ...legacyFeature },
  { name: 'VIRTIO_F_ANY_LAYOUT', bit: 27, dependsOn: [], spec: '6.3', ...legacyFeature },
  { name: 'VIRTIO_F_INDIRECT_DESC', bit: 28, dependsOn: [], spec: '2.7.5.3, 2.8.7' },
  { name: 'VIRTIO_F_EVENT_IDX', bit: 29, dependsOn: [], spec: '2.7.7, 2.7.10, 2.8.10' },
  { name: 'VIRTIO_F_VERSION_1', bit: 32, dependsOn: [], spec: '6.1' },
  // There is no IOMMU between the device and memory, which is what a driver takes from this bit.
  { name: 'VIRTIO_F_ACCESS_PLATFORM', bit: 33, dependsOn: modern, spec: '6.1', offeredByDefault: false },
  { name: 'VIRTIO_F_RING_PACKED', bit: 34, dependsOn: modern, spec: '2.8' },
  { name: 'VIRTIO_F_IN_ORDER', bit: 35, dependsOn: modern, spec: '2.7.9, 2.8.8' },
  { name: 'VIRTIO_F_ORDER_PLATFORM', bit: 36, dependsOn: modern, spec: '6.1' },
  { name: 'VIRTIO_F_NOTIFICATION_DATA', bit: 38, dependsOn: modern, spec: '2.9, 4.1.5.2' },
  { name: 'VIRTIO_F_NOTIF_CONFIG_DATA', bit: 39, dependsOn: modern, spec: '2.9, 4.1.4.3, 4.1.5.2' },
  { name: 'VIRTIO_F_RING_RESET', bit: 40, dependsOn: modern, spec: '2.6.1, 4.1.4.3' },
  { name: 'VIRTIO_F_SUSPEND', bit: 43, dependsOn: modern, spec: '1.4: 2.1, 3.4' },
] as const satisfies readonly Feature[];

export const VIRTIO_F_NOTIFY_ON_EMPTY: Features = 1n << 24n;
export const VIRTIO_F_INDIRECT_DESC: Features = 1n << 28n;
export const VIRTIO_F_EVENT_IDX: Features = 1n << 29n;
export const VIRTIO_F_VERSION_1: Features = 1n << 32n;
export const VIRTIO_F_RING_PACKED: Features = 1n << 34n;
export const VIRTIO_F_IN_ORDER: Features = 1n << 35n;
export const VIRTIO_F_NOTIFICATION_DATA: Features = 1n << 38n;
export const VIRTIO_F_NOTIF_CONFIG_DATA: Features = 1n << 39n;
export const VIRTIO_F_RING_RESET: Features = 1n << 40n;
export const VIRTIO_F_SUSPEND: Features = 1n << 43n;

export function hasFeature(features: Features, feature: Features): boolean {
  return (features & feature) !== 0n;
}

/** The names of the bits that are set, in the order of the bits; a bit that no table knows is called `bit N`. */
export function featureNames(features: Features, table: readonly Feature[]): string[] {
  const names: string[] = [];
  for (let bit = 0, rest = features; rest !== 0n; bit++, rest >>= 1n) {
    if (rest & 1n) names.push(table.find((feature) => feature.bit === bit)?.name ?? `bit ${bit}`);
  }
  return names;
}

/** The set with these names. @throws RangeError for a name that is not in the table */
export function featureSet(names: Iterable<string>, table: readonly Feature[]): Features {
  let features = 0n;
  for (const name of names) {
    const feature = table.find((candidate) => candidate.name === name);
    if (!feature) throw new RangeError(`no feature is called ${name}`);
    features |= 1n << BigInt(feature.bit);
  }
  return features;
}

/** The bits within reach of a legacy driver (4.1.4.10). */
export const legacyBits: Features = 0xffffffffn;

/** What of an offer is only for the legacy interface. */
export function legacyOnly(table: readonly Feature[]): Features {
  return table.reduce((features, feature) => features | (feature.legacyOnly ? 1n << BigInt(feature.bit) : 0n), 0n);
}

export interface Refusal {
  readonly rule: 'feature-not-offered' | 'feature-dependency';
  /** What was accepted and can't be had. */
  readonly features: Features;
  readonly reason: string;
}

/** Why a device that offers `offered` can't work with `accepted`, or undefined when it can (virtio 2.2.2). */
export function refuseFeatures(accepted: Features, offered: Features, table: readonly Feature[]): Refusal | undefined {
  const unknown = accepted & ~offered;
  if (unknown !== 0n) {
    const names = featureNames(unknown, table).join(', ');
    return { rule: 'feature-not-offered', features: unknown, reason: `${names} was not offered` };
  }
  const names = new Set(featureNames(accepted, table));
  for (const feature of table) {
    if (!names.has(feature.name)) continue;
    const missing = feature.dependsOn.find((group) => !group.some((name) => names.has(name)));
    if (!missing) continue;
    const features = 1n << BigInt(feature.bit);
    return { rule: 'feature-dependency', features, reason: `${feature.name} needs ${missing.join(' or ')}` };
  }
  return undefined;
}
