import { hasFeature, VIRTIO_F_RING_RESET, type Features } from '../virtio/features.js';
import { VIRTIO_NET_F_MTU } from './features.js';
import type { DropReason } from './link/counters.js';
import { ethernetHeaderBytes, type Frame } from './link/frame.js';
import { neededOffloads } from './link/offloads.js';
import { wirePayload } from './link/transport.js';

/**
 * Why a guest can't have a frame, whatever buffers it has.
 * @param ready whether its driver is
 * @param offloads what the driver takes as it is
 * @param mtu the most that it takes behind an Ethernet header, in bytes (`receivableMtu`)
 */
export function unreceivable(
  frame: Frame,
  ready: boolean,
  linkUp: boolean,
  offloads: number,
  mtu: number,
): DropReason | undefined {
  if (!ready) return 'notReady';
  if (!linkUp) return 'linkDown';
  if (frame.length < ethernetHeaderBytes) return 'runt';
  if (neededOffloads(frame) & ~offloads) return 'offload';
  // Most frames are short enough with all their headers.
  return frame.length > mtu && wirePayload(frame) > mtu ? 'tooLong' : undefined;
}

/** The MTU that counts for a guest: that which its driver was told, or none (virtio 5.1.4.1). */
export function receivableMtu(features: Features, mtu: number): number {
  return hasFeature(features, VIRTIO_NET_F_MTU) ? mtu : Infinity;
}

/** A queue that was reset may be enabled again, and frames wait; in multiqueue mode they must not (5.1.6.5.6.2). */
export function mayComeBack(features: Features, multiqueue: boolean): boolean {
  return hasFeature(features, VIRTIO_F_RING_RESET) && !multiqueue;
}
