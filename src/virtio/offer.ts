import { featureSet, type Feature, type Features } from './features.js';

/** Features that somebody wants offered (true) or not (false), by name. */
export type FeatureWishes = Readonly<Partial<Record<string, boolean>>>;

/**
 * What a device offers of a table: what is offered by default, which with a legacy interface is more than without it, with the changes that are wished for. What requires a
 * feature that is left out is left out too (virtio 2.2.2).
 * @throws RangeError for a name that is not in the table, and for a wish that contradicts another
 */
export function offerFeatures(
  table: readonly Feature[],
  wishes: FeatureWishes = {},
  { transitional = false }: { transitional?: boolean } = {},
): Features {
  const find = (name: string): Feature => {
    const feature = table.find((candidate) => candidate.name === name);
    if (!feature) throw new RangeError(`no feature is called ${name}`);
    return feature;
  };
  const ordinary = (feature: Feature): boolean =>
    feature.legacyOnly ? transitional : (feature.offeredByDefault ?? true);
  const missing = (feature: Feature): readonly string[] | undefined =>
    feature.dependsOn.find((group) => !group.some((name) => offered(find(name))));
  const offered = (feature: Feature): boolean => (wishes[feature.name] ?? ordinary(feature)) && !missing(feature);

  for (const [name, wanted] of Object.entries(wishes)) {
    const needed = missing(find(name));
    if (wanted && find(name).legacyOnly && !transitional) throw new RangeError(`${name} needs a transitional device`);
    if (wanted && needed) throw new RangeError(`${name} needs ${needed.join(' or ')}, which is not offered`);
  }
  return featureSet(
    table.filter(offered).map(({ name }) => name),
    table,
  );
}
