import type { Findings } from '../findings.js';
import type { NetCard, QueueKind } from './card.js';
import type { Command } from './commands.js';
import { hex } from '../../hex.js';

/** Bits of a types bitmap for each kind of queue (virtio 5.1.6.5.11). */
const typesOf: Readonly<Record<QueueKind, bigint>> = {
  receive: 0xfn,
  transmit: 0xfn << 16n,
  control: 1n << 32n,
};
/** An element of struct virtio_net_ctrl_queue_stats, and where in it the types are. */
const requestBytes = 16;
const requestTypes = 8;
/** struct virtio_net_stats_reply_hdr */
const replyHeader = 8;

const view = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView => new DataView(buffer, byteOffset, byteLength);

/** What a driver asks for of the device's statistics. */
export class StatisticsChecks {
  private readonly findings: Findings;
  private readonly card: NetCard;
  /** The types that the device said it has; undefined where nobody saw whether it was asked. */
  private queried: bigint | undefined;

  constructor(findings: Findings, card: NetCard) {
    this.findings = findings;
    this.card = card;
  }

  /** @param known everything that the driver did has been seen */
  begin(known: boolean): void {
    this.queried = known ? 0n : undefined;
  }

  /** Answers what is to be done with the result of a query. */
  command({ code, data, resultBytes, place }: Command): ((ok: boolean, result: Uint8Array) => void) | undefined {
    if (code === 0) {
      return (ok, result) => {
        if (ok && result.length >= 8) this.queried = view(result).getBigUint64(0, true);
      };
    }
    const { findings, card } = this;
    let replies = 0;
    for (let at = 0; at + requestBytes <= data.length; at += requestBytes) {
      const queue = view(data).getUint16(at, true);
      const types = view(data).getBigUint64(at + requestTypes, true);
      const kind = card.kind(queue);
      const seen = (): string => `types ${hex(types)} of queue ${queue}`;
      const unasked = this.queried === undefined ? 0n : types & ~this.queried;
      findings.check('net-dri-085', unasked === 0n, seen, place);
      findings.check('net-dri-086', kind !== undefined && (types & ~typesOf[kind]) === 0n, seen, place);
      for (let rest = types; rest !== 0n; rest &= rest - 1n) replies++;
    }
    const room = resultBytes >= replies * replyHeader;
    findings.check('net-dri-087', room, () => `${resultBytes} bytes for ${replies} replies`, place);
    return undefined;
  }
}
