import { netFeatures, type NetFeatureName } from '../net/index.js';
import type { Feature } from '../virtio/features.js';
import { offerFeatures } from '../virtio/offer.js';
import { UserError } from '../vm/index.node.js';
import { similarNames } from './similar.js';

/** What --features asks for, by the specification's names: offered (true) or left out (false). */
export type NetFeatureWishes = Partial<Record<NetFeatureName, boolean>>;

/** A feature's name without its prefix: MQ. */
const shortName = (name: string): string => name.replace(/^VIRTIO_(NET_)?F_/, '');
const names = new Map(netFeatures.map(({ name }) => [shortName(name), name]));

/**
 * Reads a value of --features: +MQ,-VIRTIO_NET_F_MTU. What is said later counts.
 * @throws UserError for what is no such list, for an unknown name, and for features that contradict each other
 */
export function featureWishes(text: string, before: NetFeatureWishes = {}): NetFeatureWishes {
  const wishes = { ...before };
  for (const item of text.split(',')) {
    const [, sign, given] = /^\s*([+-])\s*(\S+)\s*$/.exec(item) ?? [];
    if (given === undefined) {
      throw new UserError(
        `--features takes names, each with + or - before it and commas between; '${item}' is not one.`,
      );
    }
    wishes[featureName(given)] = sign === '+';
  }
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

function featureName(given: string): NetFeatureName {
  const wanted = shortName(given.toUpperCase());
  const found = names.get(wanted);
  if (found) return found;
  const meant = similarNames(wanted, Array.from(names.keys()));
  const hint = meant.length > 0 ? `did you mean ${meant.join(' or ')}?` : "'vmq features' lists those that there are.";
  throw new UserError(`--features: no feature is called '${given}'; ${hint}`);
}
