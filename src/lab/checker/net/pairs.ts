import type { Findings } from '../findings.js';
import type { Buffer } from '../queues/ring.js';
import type { Rules } from '../rules.js';
import type { NetCard } from './card.js';

/** How many pairs the driver may send on (virtio 5.1.6.5.6.1). */
export class PairRules implements Rules {
  private readonly findings: Findings;
  private readonly card: NetCard;
  /** Undefined where it is not known, or nothing is said of it. */
  private pairs: number | undefined;
  /** The driver has sent VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET. */
  private commanded = false;

  constructor(findings: Findings, card: NetCard) {
    this.findings = findings;
    this.card = card;
  }

  activated(): void {
    this.forget();
    // Of a device that was restored nobody knows what its driver had set; without the feature there is no such command,
    // and nothing is said of steering by hash.
    if (this.card.view.history && this.card.has('VIRTIO_NET_F_MQ')) this.pairs = 1;
  }

  forget(): void {
    this.pairs = undefined;
    this.commanded = false;
  }

  exposed(buffer: Buffer): void {
    const { card, pairs, findings } = this;
    if (pairs === undefined || card.kind(buffer.queue) !== 'transmit') return;
    const pair = buffer.queue >>> 1;
    const statement = this.commanded ? 'net-dri-071' : 'net-dri-070';
    findings.check(statement, pair < pairs, () => `a packet on pair ${pair}, with ${pairs} in use`, buffer);
  }

  /**
   * The driver has placed the command. Packets that were found before it may have been placed before it; those that are
   * found later were placed later. The answer takes the command back: it was refused.
   */
  set(pairs: number): () => void {
    const before = { pairs: this.pairs, commanded: this.commanded };
    this.pairs = pairs;
    this.commanded = true;
    return () => {
      this.pairs = before.pairs;
      this.commanded = before.commanded;
    };
  }

  /** The driver has placed a command for steering by hash, which lets it use pairs without the other command. */
  steersByHash(): void {
    if (!this.commanded) this.pairs = undefined;
  }
}
