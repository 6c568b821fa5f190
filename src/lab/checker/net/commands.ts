import { featureBits, type FeatureName } from '../../../driver/index.js';
import type { Findings } from '../findings.js';
import type { Buffer } from '../queues/ring.js';
import type { StatementId } from '../statements.js';
import type { NetCard } from './card.js';
import { hex } from '../../hex.js';

/** A command as the driver placed it. */
export interface Command {
  readonly kind: number;
  readonly code: number;
  /** Behind class and command. */
  readonly data: Uint8Array;
  /** Room for a result behind the ack. */
  readonly resultBytes: number;
  readonly place: Buffer;
}

/** What is checked of the commands of a class; of all of them where `codes` is left out. */
export interface CommandCheck {
  readonly kind: number;
  readonly codes?: readonly number[];
  readonly run: (command: Command, card: NetCard, findings: Findings) => void;
}

const configField = { rssMaxIndirectionTableLength: 18, supportedHashTypes: 20, supportedTunnelTypes: 24 } as const;
const macBytes = 6;
/** A multicast address has the lowest bit of its first byte set. */
const multicast = 1;

const view = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView => new DataView(buffer, byteOffset, byteLength);
const named = ({ kind, code }: Command): string => `class ${kind}, command ${code}`;

/** The commands need a feature. */
function needs(statement: StatementId, feature: FeatureName, kind: number, codes?: readonly number[]): CommandCheck {
  const run: CommandCheck['run'] = (command, card, findings) =>
    findings.check(statement, card.has(feature), () => `${named(command)} without ${feature}`, command.place);
  return { kind, ...(codes && { codes }), run };
}

/** The offloads that can be switched, by bit (virtio 5.1.6.5.8), and the feature of each. */
const offloads: ReadonlyMap<number, FeatureName> = new Map(
  (
    [
      'VIRTIO_NET_F_GUEST_CSUM',
      'VIRTIO_NET_F_GUEST_TSO4',
      'VIRTIO_NET_F_GUEST_TSO6',
      'VIRTIO_NET_F_GUEST_ECN',
      'VIRTIO_NET_F_GUEST_UFO',
      'VIRTIO_NET_F_GUEST_USO4',
      'VIRTIO_NET_F_GUEST_USO6',
    ] as const
  )
    .map((name): [number, FeatureName] => [featureBits[name], name])
    .concat([
      [46, 'VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO'],
      [47, 'VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM'],
    ]),
);

/** Each check, in the order of the specification. */
export const commandChecks: readonly CommandCheck[] = [
  needs('net-dri-058', 'VIRTIO_NET_F_HASH_TUNNEL', 7),
  {
    kind: 7,
    codes: [0],
    run({ data, place }, card, findings) {
      if (data.length < 4 || !card.has('VIRTIO_NET_F_HASH_TUNNEL')) return;
      const types = view(data).getUint32(0, true);
      const strange = types & ~card.view.config(configField.supportedTunnelTypes, 4);
      findings.check('net-dri-059', strange === 0, () => `enabled_tunnel_types ${hex(types)}`, place);
    },
  },
  needs('net-dri-061', 'VIRTIO_NET_F_CTRL_RX', 0, [0, 1]),
  needs('net-dri-062', 'VIRTIO_NET_F_CTRL_RX_EXTRA', 0, [2, 3, 4, 5]),
  {
    kind: 1,
    run(command, card, findings) {
      // A feature of its own makes the command for the address exist, whatever this statement says of its class.
      const allowed =
        card.has('VIRTIO_NET_F_CTRL_RX') || (command.code === 1 && card.has('VIRTIO_NET_F_CTRL_MAC_ADDR'));
      const seen = (): string => `${named(command)} without VIRTIO_NET_F_CTRL_RX`;
      findings.check('net-dri-063', allowed, seen, command.place);
    },
  },
  {
    kind: 1,
    codes: [0],
    run({ data, place }, _card, findings) {
      const unicastEnd = tableEnd(data, 0, 0);
      const end = unicastEnd === undefined ? undefined : tableEnd(data, unicastEnd, multicast);
      findings.check('net-dri-065', end === data.length, () => `a table of ${data.length} bytes`, place);
    },
  },
  {
    kind: 4,
    codes: [0],
    run({ data, place }, card, findings) {
      if (data.length < 2) return;
      const pairs = view(data).getUint16(0, true);
      const within = pairs >= 1 && pairs <= card.maxPairs;
      findings.check('net-dri-069', within, () => `${pairs} pairs of ${card.maxPairs}`, place);
      if (!within) return;
      let missing = 0;
      while (missing < 2 * pairs && card.enabled(missing)) missing++;
      findings.check('net-dri-068', missing === 2 * pairs, () => `queue ${missing} of ${pairs} pairs`, place);
    },
  },
  needs('net-dri-072', 'VIRTIO_NET_F_RSS', 4, [1]),
  {
    kind: 4,
    codes: [1],
    run: checkRss,
  },
  needs('net-dri-077', 'VIRTIO_NET_F_RSS_CONTEXT', 9),
  {
    kind: 5,
    codes: [0],
    run({ data, place }, card, findings) {
      if (data.length < 8) return;
      const wanted = view(data).getBigUint64(0, true);
      let strange = wanted;
      for (const [bit, name] of offloads) if (card.has(name)) strange &= ~(1n << BigInt(bit));
      findings.check('net-dri-080', strange === 0n, () => `offloads ${hex(wanted)}`, place);
    },
  },
  {
    kind: 6,
    codes: [2, 3],
    run({ data, place }, card, findings) {
      if (data.length < 2) return;
      const queue = view(data).getUint16(0, true);
      const kind = card.kind(queue);
      const right = (kind === 'receive' || kind === 'transmit') && card.enabled(queue);
      findings.check('net-dri-081', right, () => `vq_index ${queue}`, place);
    },
  },
  needs('net-dri-082', 'VIRTIO_NET_F_NOTF_COAL', 6, [0, 1]),
  needs('net-dri-083', 'VIRTIO_NET_F_VQ_NOTF_COAL', 6, [2, 3]),
];

/** Where a list of addresses of one sort ends; undefined where it does not fit the data, or an address is of another sort. */
function tableEnd(data: Uint8Array, start: number, sort: number): number | undefined {
  if (start + 4 > data.length) return undefined;
  const count = view(data).getUint32(start, true);
  const end = start + 4 + macBytes * count;
  if (end > data.length) return undefined;
  for (let at = start + 4; at < end; at += macBytes) if ((data[at] & multicast) !== sort) return undefined;
  return end;
}

/** struct virtio_net_rss_config (virtio 5.1.6.5.7). */
function checkRss({ data, place }: Command, card: NetCard, findings: Findings): void {
  if (data.length < 8 || !card.has('VIRTIO_NET_F_RSS')) return;
  const fields = view(data);
  const types = fields.getUint32(0, true);
  const mask = fields.getUint16(4, true);
  const strange = types & ~card.view.config(configField.supportedHashTypes, 4);
  findings.check('net-dri-076', strange === 0, () => `hash_types ${hex(types)}`, place);
  const most = card.view.config(configField.rssMaxIndirectionTableLength, 2);
  findings.check('net-dri-074', ((mask + 1) & mask) === 0, () => `${mask + 1} entries`, place);
  findings.check('net-dri-075', mask < most, () => `indirection_table_mask ${mask}, of at most ${most} entries`, place);
  const entries = Math.min(mask + 1, Math.floor((data.length - 8) / 2));
  let wrong: number | undefined;
  for (let entry = 0; entry < entries && wrong === undefined; entry++) {
    const id = fields.getUint16(8 + 2 * entry, true);
    if (card.kind(2 * id) !== 'receive' || !card.enabled(2 * id)) wrong = id;
  }
  findings.check('net-dri-073', wrong === undefined, () => `receive queue ${wrong}`, place);
}
