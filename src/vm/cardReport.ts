import type { VirtioNetCard } from '../hosts/v86/index.js';
import type { LaneCounters } from '../net/index.js';
import { featureNames } from '../virtio/features.js';

/** How a card is used, as plain data. */
export interface CardUse {
  /** Queue pairs that it has, and that the driver uses. */
  readonly queuePairs: number;
  readonly queuePairsInUse: number;
  /** The features that were negotiated, by the specification's names. */
  readonly features: readonly string[];
  readonly msixEnabled: boolean;
  readonly vectors: ReturnType<VirtioNetCard['function']['vectorUses']>;
}

/** The same with its address and what passed it. */
export interface CardReport extends CardUse {
  readonly mac: string;
  /** By queue pair. */
  readonly lanes: readonly LaneCounters[];
  /** How often the driver told the card of buffers for packets. */
  readonly notifications: number;
}

export function cardUse({ device, function: fn }: VirtioNetCard): CardUse {
  return {
    queuePairs: device.maxQueuePairs,
    queuePairsInUse: device.lanes,
    features: featureNames(fn.negotiation.features, device.featureTable),
    msixEnabled: fn.msix.enabled,
    vectors: fn.vectorUses(),
  };
}

export function cardReport(card: VirtioNetCard): CardReport {
  const { mac, counters, statistics } = card.device;
  const queues = [...statistics.receive, ...statistics.transmit];
  const notifications = queues.reduce((sum, queue) => sum + queue.notifications, 0);
  return { mac, ...cardUse(card), lanes: counters, notifications };
}
