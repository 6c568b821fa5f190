import type { VirtioNetCard } from '../../hosts/v86/index.js';
import type { LaneCounters } from '../../net/index.js';
import { featureNames } from '../../virtio/features.js';

/** What a card is and what passed it, as plain data. */
export interface CardReport {
  readonly mac: string;
  /** Queue pairs that it has, and that the driver uses. */
  readonly queuePairs: number;
  readonly queuePairsInUse: number;
  /** The features that were negotiated, by the specification's names. */
  readonly features: readonly string[];
  readonly msixEnabled: boolean;
  readonly vectors: ReturnType<VirtioNetCard['function']['vectorUses']>;
  /** By queue pair. */
  readonly lanes: readonly LaneCounters[];
}

export function cardReport({ device, function: fn }: VirtioNetCard): CardReport {
  return {
    mac: device.mac,
    queuePairs: device.maxQueuePairs,
    queuePairsInUse: device.lanes,
    features: featureNames(fn.negotiation.features, device.featureTable),
    msixEnabled: fn.msix.enabled,
    vectors: fn.vectorUses(),
    lanes: device.counters,
  };
}
