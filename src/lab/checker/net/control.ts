import type { AccessWidth } from '../../../virtio/registers.js';
import type { Findings } from '../findings.js';
import type { Buffer } from '../queues/ring.js';
import type { Rules } from '../rules.js';
import type { NetCard } from './card.js';
import { commandChecks, type Command } from './commands.js';
import type { PairRules } from './pairs.js';
import { StatisticsChecks } from './statistics.js';

const ackBytes = 1;
const ok = 0;
/** More than any command of a driver has; what is behind it is not looked at. */
const longestCommand = 65536;
/** `status` of the configuration: its place, and the bit that asks for an announcement (virtio 5.1.4). */
const statusField = 6;
const announceBit = 2;

/** Commands of the control queue (virtio 5.1.6.5). */
export class ControlRules implements Rules {
  private readonly findings: Findings;
  private readonly card: NetCard;
  private readonly pairs: PairRules;
  private readonly statistics: StatisticsChecks;
  /** What is to be done when a command was answered, by its descriptor. */
  private readonly answers = new Map<number, (ok: boolean, result: Uint8Array) => void>();
  /** The driver has seen that it is to announce itself, and has not said that it did. */
  private announceSeen = false;

  constructor(findings: Findings, card: NetCard, pairs: PairRules) {
    this.findings = findings;
    this.card = card;
    this.pairs = pairs;
    this.statistics = new StatisticsChecks(findings, card);
  }

  configRead(offset: number, width: AccessWidth): void {
    const { card } = this;
    if (offset > statusField || offset + width <= statusField || !card.has('VIRTIO_NET_F_GUEST_ANNOUNCE')) return;
    if (card.view.config(statusField, 1) & announceBit) this.announceSeen = true;
  }

  exposed(buffer: Buffer): void {
    const { card } = this;
    if (card.kind(buffer.queue) !== 'control' || buffer.readableLength < 2) return;
    card.lookAtOthers(buffer.queue);
    const bytes = card.bytes(buffer, Math.min(buffer.readableLength, longestCommand));
    const command: Command = {
      ...{ kind: bytes[0], code: bytes[1], data: bytes.subarray(2), place: buffer },
      resultBytes: buffer.writableLength - ackBytes,
    };
    for (const check of commandChecks) {
      if (check.kind !== command.kind) continue;
      if (check.codes && !check.codes.includes(command.code)) continue;
      check.run(command, card, this.findings);
    }
    this.follow(command);
  }

  used(buffer: Buffer): void {
    const { card, answers } = this;
    const answer = answers.get(buffer.descriptor);
    if (!answer || card.kind(buffer.queue) !== 'control') return;
    answers.delete(buffer.descriptor);
    const [ack, ...result] = card.bytes(buffer, Math.min(buffer.writableLength, longestCommand), 'writable');
    answer(ack === ok, Uint8Array.from(result));
  }

  activated(): void {
    this.forget();
    this.statistics.begin(this.card.view.history);
  }

  reset(): void {
    const seen = (): string => 'VIRTIO_NET_S_ANNOUNCE was seen, and not acknowledged';
    if (this.announceSeen) this.findings.check('net-dri-067', false, seen);
    this.announceSeen = false;
  }

  forget(): void {
    this.answers.clear();
    this.announceSeen = false;
  }

  /** What a command changes for those that come after it. */
  private follow(command: Command): void {
    const { kind, code, data, place } = command;
    if (kind === 4 && code === 0 && data.length >= 2) {
      const takeBack = this.pairs.set(data[0] | (data[1] << 8));
      this.answers.set(place.descriptor, (done) => {
        if (!done) takeBack();
      });
    } else if (kind === 4 && code === 1) {
      this.pairs.steersByHash();
    } else if (kind === 3 && code === 0 && this.announceSeen) {
      this.announceSeen = false;
      this.findings.check('net-dri-067', true, () => '');
    } else if (kind === 8) {
      const answered = this.statistics.command(command);
      if (answered) this.answers.set(place.descriptor, answered);
    }
  }
}
