import { netFeatures, type NetFeatureName } from '../net/index.js';
import type { Feature } from '../virtio/features.js';
import { offerFeatures } from '../virtio/offer.js';
import { UserError } from '../vm/index.node.js';
import { FeatureNames, shortName, signedNames } from './featureNames.js';

/** What --features asks for, by the specification's names: offered (true) or left out (false). */
export type NetFeatureWishes = Partial<Record<NetFeatureName, boolean>>;

const names = new FeatureNames(
  netFeatures.map(({ name }) => [name, name] as const),
  "'vmq features' lists those that there are.",
);

/**
 * Reads a value of --features: +MQ,-VIRTIO_NET_F_MTU. What is said later counts.
 * @throws UserError for what is no such list, for an unknown name, and for features that contradict each other
 */
export function featureWishes(text: string, before: NetFeatureWishes = {}): NetFeatureWishes {
  const wishes = { ...before };
  for (const { name, on } of signedNames('features', text)) wishes[names.find('features', name)] = on;
  try {
    offerFeatures(netFeatures, wishes, { transitional: true });
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(`--features '${text}' can't be: ${error.message}.`);
    throw error;
  }
  return wishes;
}

/** @throws UserError when features are asked for that only cards with a legacy interface offer */
export function checkModern(wishes: NetFeatureWishes): void {
  const legacy = netFeatures.find((feature: Feature) => feature.legacyOnly && wishes[feature.name as NetFeatureName]);
  if (legacy) throw new UserError(`--features: only cards with --transitional can offer ${shortName(legacy.name)}.`);
}
