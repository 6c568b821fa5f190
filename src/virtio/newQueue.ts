import type { ActiveQueue } from './device.js';
import {
  hasFeature,
  VIRTIO_F_EVENT_IDX,
  VIRTIO_F_IN_ORDER,
  VIRTIO_F_INDIRECT_DESC,
  VIRTIO_F_NOTIFY_ON_EMPTY,
  VIRTIO_F_RING_PACKED,
  type Features,
} from './features.js';
import type { GuestMemory } from './memory.js';
import { InOrderQueue } from './inOrder.js';
import { PackedQueue } from './packed.js';
import type { QueueSetup } from './queue.js';
import { SplitQueue } from './split.js';

/** The device's side of a queue in the layout that was negotiated. @throws DriverFault when its set-up is wrong */
export function newQueue(setup: QueueSetup, memory: GuestMemory, features: Features): ActiveQueue {
  const options = {
    indirect: hasFeature(features, VIRTIO_F_INDIRECT_DESC),
    eventIndex: hasFeature(features, VIRTIO_F_EVENT_IDX),
    notifyOnEmpty: hasFeature(features, VIRTIO_F_NOTIFY_ON_EMPTY),
  };
  const Layout = hasFeature(features, VIRTIO_F_RING_PACKED) ? PackedQueue : SplitQueue;
  const queue = new Layout(setup, memory, options);
  return hasFeature(features, VIRTIO_F_IN_ORDER) ? new InOrderQueue(queue) : queue;
}
