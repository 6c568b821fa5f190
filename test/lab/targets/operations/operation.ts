import type { FeatureName, NetDriver } from '../../../../src/driver/index.js';
import type { Target } from '../../../../src/lab/targets/target.js';

/** Something that a card can do with these features. */
export interface Operation {
  readonly needs: readonly FeatureName[];
  readonly except?: readonly FeatureName[];
  run(driver: NetDriver, target: Target): Promise<void>;
}

export type Operations = Readonly<Record<string, Operation>>;
