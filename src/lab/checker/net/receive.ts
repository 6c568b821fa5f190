import type { Findings } from '../findings.js';
import type { Buffer } from '../queues/ring.js';
import type { Rules } from '../rules.js';
import type { NetCard } from './card.js';

const ethernetHeader = 14;

/** Receive buffers (virtio 5.1.6.3.1, 5.1.4.2). */
export class ReceiveRules implements Rules {
  private readonly findings: Findings;
  private readonly card: NetCard;
  /** By queue: the bytes that the device may write and has not. */
  private readonly room = new Map<number, number>();
  /** One packet of the largest size could have been received at some time. */
  private enough = false;

  constructor(findings: Findings, card: NetCard) {
    this.findings = findings;
    this.card = card;
  }

  exposed(buffer: Buffer): void {
    const { findings, card } = this;
    if (card.kind(buffer.queue) !== 'receive') return;
    const { headerBytes } = card;
    const { queue, writableLength } = buffer;
    const fits = writableLength >= headerBytes;
    const seen = (): string => `${writableLength} bytes, less than a header of ${headerBytes}`;
    const merged = card.has('VIRTIO_NET_F_MRG_RXBUF');
    if (merged) findings.check('net-dri-047', fits, seen, buffer);
    findings.check('net-dri-048', fits, seen, buffer);
    const room = (this.room.get(queue) ?? 0) + writableLength;
    this.room.set(queue, room);
    if (this.enough) return;
    this.enough = (merged ? room : writableLength) >= card.mtu + ethernetHeader + headerBytes;
  }

  used({ queue, writableLength }: Buffer): void {
    const room = this.room.get(queue);
    if (room !== undefined) this.room.set(queue, room - writableLength);
  }

  activated(): void {
    this.forget();
  }

  /** A driver may fill its queues bit by bit; only when it is gone it is clear that there never was enough. */
  reset(): void {
    const { card, room, findings } = this;
    if (card.has('VIRTIO_NET_F_MTU') && card.view.history && room.size > 0) {
      findings.check('net-dri-007', this.enough, () => `never room for a packet with mtu ${card.mtu}`);
    }
  }

  forget(): void {
    this.room.clear();
    this.enough = false;
  }
}
