import { hasFeature, type Features } from '../virtio/features.js';
import { anyMultiqueue, VIRTIO_NET_F_CTRL_VQ } from './features.js';

/** The index of the control queue: behind all pairs, or behind the first where the driver knows of no other (virtio 5.1.2). */
export function controlQueueIndex(features: Features, mostPairs: number): number {
  return hasFeature(features, anyMultiqueue) ? 2 * mostPairs : 2;
}

/** How many queues there are with these features: the pairs, and the control queue where it was negotiated (5.1.2). */
export function queueCount(features: Features, mostPairs: number): number {
  return controlQueueIndex(features, mostPairs) + (hasFeature(features, VIRTIO_NET_F_CTRL_VQ) ? 1 : 0);
}
