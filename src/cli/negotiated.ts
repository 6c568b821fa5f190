import type { VirtioNetCard } from '../hosts/v86/attach.js';
import { hasFeature, type Feature, type Features } from '../virtio/features.js';

/** A feature in a report, in the order of the bits. */
export interface NamedFeature {
  readonly name: string;
  readonly bit: number;
}

/** What came of the negotiation between a card and its driver. */
export interface NegotiatedReport {
  /** What the card offers. */
  readonly offered: readonly NamedFeature[];
  /** What both agreed on. */
  readonly accepted: readonly NamedFeature[];
  /** All others that the card knows, each with the reason, for a person. */
  readonly refused: readonly (NamedFeature & { readonly reason: string })[];
}

/** Tells of each feature that the card knows what became of it. */
export function negotiated(card: Pick<VirtioNetCard, 'device' | 'function'>): NegotiatedReport {
  const { device } = card;
  const { negotiation } = card.function;
  const known = [...(device.featureTable as readonly Feature[])].sort((a, b) => a.bit - b.bit);
  const agreed = negotiation.settled;
  const accepted = agreed ? negotiation.features : 0n;
  const within = (features: Features): Feature[] => known.filter(({ bit }) => hasFeature(features, 1n << BigInt(bit)));
  const refusals = negotiation.refusals.map(({ features, reason }) => ({
    // Of a legacy driver only what can't be is refused, of a modern one the whole set.
    features: negotiation.usesLegacy ? features : ~0n,
    reason: `the card refused what the driver accepted: ${reason}`,
  }));
  const untaken = agreed ? 'the driver did not take it' : 'no driver has negotiated';
  const otherInterface = `offered through the ${negotiation.usesLegacy ? 'modern' : 'legacy'} interface only`;
  const offeredNames = new Set(within(negotiation.offered).map(({ name }) => name));
  const reason = ({ name, bit, dependsOn }: Feature): string => {
    const refusal = refusals.find(({ features }) => hasFeature(features, 1n << BigInt(bit)));
    if (offeredNames.has(name)) return refusal?.reason ?? untaken;
    if (hasFeature(device.offeredFeatures, 1n << BigInt(bit))) return otherInterface;
    const missing = dependsOn.find((group) => !group.some((other) => offeredNames.has(other)));
    return missing ? `not offered, as it needs ${missing.join(' or ')}` : 'not offered';
  };
  const named = ({ name, bit }: Feature): NamedFeature => ({ name, bit });
  return {
    offered: within(negotiation.offered).map(named),
    accepted: within(accepted).map(named),
    refused: known
      .filter(({ bit }) => !hasFeature(accepted, 1n << BigInt(bit)))
      .map((feature) => ({ ...named(feature), reason: reason(feature) })),
  };
}
