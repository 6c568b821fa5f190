import type { QueueWatch } from '../queues/queueWatch.js';
import type { Buffer } from '../queues/ring.js';
import { has, type FeatureName } from '../../../driver/index.js';
import type { DriverView } from '../view.js';

export type QueueKind = 'receive' | 'transmit' | 'control';

/** Where fields of struct virtio_net_config are (virtio 5.1.4). */
const configField = { maxVirtqueuePairs: 8, mtu: 10 } as const;

/** The network card as it was negotiated: what the checks of chapter 5.1 have in common. */
export class NetCard {
  readonly view: DriverView;
  private readonly queues: QueueWatch;

  constructor(view: DriverView, queues: QueueWatch) {
    this.view = view;
    this.queues = queues;
  }

  /** Whether a feature was negotiated. */
  has(name: FeatureName): boolean {
    return has(this.view.working?.features ?? 0n, name);
  }

  get multiqueue(): boolean {
    return this.has('VIRTIO_NET_F_MQ') || this.has('VIRTIO_NET_F_RSS');
  }

  /** `max_virtqueue_pairs`, and the one pair that there is without multiqueue. */
  get maxPairs(): number {
    return this.multiqueue ? this.view.config(configField.maxVirtqueuePairs, 2) : 1;
  }

  get mtu(): number {
    return this.view.config(configField.mtu, 2);
  }

  /** The control queue is the last one (virtio 5.1.2). */
  kind(queue: number): QueueKind | undefined {
    const control = 2 * this.maxPairs;
    if (queue > control) return undefined;
    if (queue === control) return this.has('VIRTIO_NET_F_CTRL_VQ') ? 'control' : undefined;
    return queue % 2 === 0 ? 'receive' : 'transmit';
  }

  /** Whether the driver has given the device this queue. */
  enabled(queue: number): boolean {
    return this.queues.has(queue);
  }

  /** Has everything seen that other queues got up to now. */
  lookAtOthers(queue: number): void {
    this.queues.lookAt(queue);
  }

  /**
   * Length of struct virtio_net_hdr (virtio 5.1.6, 5.1.6.3.1). The text names the tunnels that the device takes; those
   * that the driver takes need the same fields, and so the header is as long with either.
   */
  get headerBytes(): number {
    if (this.has('VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO') || this.has('VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO')) return 24;
    if (this.has('VIRTIO_NET_F_HASH_REPORT')) return 20;
    return this.has('VIRTIO_F_VERSION_1') || this.has('VIRTIO_NET_F_MRG_RXBUF') ? 12 : 10;
  }

  /** Up to `length` of the bytes that the device may read of a buffer, or that it may write. */
  bytes({ pieces }: Buffer, length: number, which: 'readable' | 'writable' = 'readable'): Uint8Array {
    const { memory } = this.view.working!;
    const bytes = new Uint8Array(length);
    let count = 0;
    for (const piece of pieces) {
      if (piece.writable !== (which === 'writable') || count === length) continue;
      const part = memory.slice(piece.address, Math.min(piece.length, length - count));
      bytes.set(part, count);
      count += part.length;
    }
    return bytes.subarray(0, count);
  }
}
