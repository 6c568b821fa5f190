import {
  hasFeature,
  VIRTIO_F_NOTIF_CONFIG_DATA,
  VIRTIO_F_NOTIFICATION_DATA,
  type Features,
} from '../virtio/features.js';
import type { AccessWidth } from '../virtio/registers.js';
import { DriverFault } from '../virtio/rules.js';

/** No queue has an index as large: a driver that sends the index in place of what it was given is found out. */
const configDataBase = 0x8000;

/** What a queue is called in notifications when VIRTIO_F_NOTIF_CONFIG_DATA was negotiated (virtio 4.1.4.3). */
export function notifConfigData(queue: number): number {
  return configDataBase + queue;
}

/**
 * What a driver writes to notify the device, as it was negotiated (virtio 4.1.5.2). The address names the queue already,
 * and the ring says more than the value can: the device goes by them, and looks at the value to find a driver's mistake.
 */
export class NotificationFormat {
  private readonly width: AccessWidth;
  private readonly base: number;

  constructor(features: Features) {
    this.width = hasFeature(features, VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2;
    this.base = hasFeature(features, VIRTIO_F_NOTIF_CONFIG_DATA) ? configDataBase : 0;
  }

  /** What is wrong with a notification of this queue. Of a byte nothing is known: an emulator may have cut the value. */
  faultOf(queue: number, width: AccessWidth, value: number): DriverFault | undefined {
    if (width === 1) return undefined;
    const expected = this.base + queue;
    if (width === this.width && (value & 0xffff) === expected) return undefined;
    const detail = `0x${value.toString(16)} in ${8 * width} bits, not ${expected} in ${8 * this.width}`;
    return new DriverFault('notify-value', detail, queue);
  }
}
