import { netFeatures } from '../net/index.js';
import { hasFeature, type Feature } from '../virtio/features.js';
import { offerFeatures } from '../virtio/offer.js';
import type { Streams } from './streams.js';
import { table } from './tables.js';

/** What `vmq features --json` prints of each feature, in the order of the bits. */
export interface FeatureReport {
  readonly name: string;
  readonly bit: number;
  readonly offeredByDefault: boolean;
  /** Each of these groups must have at least one of its features accepted too. */
  readonly dependsOn: readonly (readonly string[])[];
  /** Sections of the specification (virtio 1.3). */
  readonly spec: string;
}

/** Every feature that the card knows. */
export function featureList(): FeatureReport[] {
  const known: readonly Feature[] = netFeatures;
  const offered = offerFeatures(known);
  return known
    .map(({ name, bit, dependsOn, spec }) => {
      return { name, bit, offeredByDefault: hasFeature(offered, 1n << BigInt(bit)), dependsOn, spec };
    })
    .sort((a, b) => a.bit - b.bit);
}

/** `vmq features`: lists what can be negotiated with the card. */
export function showFeatures(json: boolean, { stdout }: Streams): number {
  const features = featureList();
  stdout.write(json ? `${JSON.stringify(features, undefined, 2)}\n` : `${featureTable(features)}\n`);
  return 0;
}

const columns = [
  ['feature', 'left'],
  ['bit', 'right'],
  ['offered', 'left'],
  ['needs', 'left'],
  ['section', 'left'],
] as const;

/** Features that only a card with --transitional offers. */
const legacy = new Set(netFeatures.filter((feature: Feature) => feature.legacyOnly).map(({ bit }): number => bit));

const eitherOf = (group: readonly string[]): string => (group.length > 1 ? 'either ' : '') + group.join(' or ');

function featureTable(features: readonly FeatureReport[]): string {
  const rows = features.map(({ name, bit, offeredByDefault, dependsOn, spec }) => {
    const needs = dependsOn.map(eitherOf).join(' and ');
    return [name, String(bit), offeredByDefault ? 'yes' : legacy.has(bit) ? 'transitional' : 'with +', needs, spec];
  });
  return table(columns, rows);
}
