import { features, has, unmet } from '../../driver/index.js';
import { namesOf } from './names.js';

/** A rule of the specification that an accepted set of features breaks, so that a device has to refuse it. */
export interface BrokenRule {
  readonly kind: 'not offered' | 'dependency' | 'version';
  readonly feature: string;
  /** Of a dependency: the features of which one would do. */
  readonly needs?: readonly string[];
  readonly section: string;
}

/** What is wrong with accepting `accepted` where `offered` is offered, by the specification and not by the device. */
export function brokenRules(accepted: bigint, offered: bigint): BrokenRule[] {
  const unoffered = namesOf(accepted & ~offered).map((feature): BrokenRule => {
    return { kind: 'not offered', feature, section: '2.2.1' };
  });
  // What is not offered should not be there at all, whatever else it needs.
  const dependencies = unmet(accepted)
    .filter(([feature]) => has(offered, feature))
    .map(([feature, ...needs]): BrokenRule => {
      return { kind: 'dependency', feature, needs, section: '5.1.3.1' };
    });
  const lacksVersion = has(offered, 'VIRTIO_F_VERSION_1') && !has(accepted, 'VIRTIO_F_VERSION_1');
  const [version] = namesOf(features('VIRTIO_F_VERSION_1'));
  return [
    ...unoffered,
    ...dependencies,
    ...(lacksVersion ? [{ kind: 'version', feature: version, section: '6.1' } as const] : []),
  ];
}

/** A broken rule in a sentence's words. */
export function describeRule({ kind, feature, needs = [] }: BrokenRule): string {
  switch (kind) {
    case 'not offered':
      return `${feature} is not offered`;
    case 'dependency':
      return `${feature} needs ${needs.join(' or ')}`;
    case 'version':
      return `${feature} is offered, and must be accepted through this interface`;
  }
}
