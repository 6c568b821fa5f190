import { hasFeature, VIRTIO_F_RING_RESET, type Features } from '../virtio/features.js';
import { VIRTIO_NET_F_MTU } from './features.js';
import type { DropReason } from './link/counters.js';
import { ethernetHeaderBytes, type Frame } from './link/frame.js';
import { neededOffloads } from './link/offloads.js';
import { wirePayload } from './link/transport.js';

/**
 * Why a guest can't have a frame, whatever buffers it has.
 * @param features what its driver negotiated, undefined while that is not ready
 * @param offloads what the driver takes as it is
 */
export function unreceivable(
  frame: Frame,
  features: Features | undefined,
  linkUp: boolean,
  offloads: number,
  mtu: number,
): DropReason | undefined {
  if (features === undefined) return 'notReady';
  if (!linkUp) return 'linkDown';
  if (frame.length < ethernetHeaderBytes) return 'runt';
  if (neededOffloads(frame) & ~offloads) return 'offload';
  return hasFeature(features, VIRTIO_NET_F_MTU) && wirePayload(frame) > mtu ? 'tooLong' : undefined;
}

/** A queue that was reset may be enabled again, and frames wait; in multiqueue mode they must not (5.1.6.5.6.2). */
export function mayComeBack(features: Features, multiqueue: boolean): boolean {
  return hasFeature(features, VIRTIO_F_RING_RESET) && !multiqueue;
}
