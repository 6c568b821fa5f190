import { commands } from '../../driver/index.js';
import type { Arguments } from './arguments.js';

const mac = (last: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, last);
const macs = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => mac(i));
const modes = Object.keys(commands.rxMode) as (keyof typeof commands.rxMode)[];

/** Commands as a driver sends them, each with one number to vary. */
const templates: readonly ((seed: number) => commands.Command)[] = [
  (seed) => commands.setRxMode(modes[seed % modes.length], seed >= 128),
  (seed) => commands.setMacTable(macs(seed % 16), macs(seed >>> 4)),
  (seed) => commands.setMacAddress(mac(seed)),
  (seed) => commands.addVlan(seed * 17),
  (seed) => commands.deleteVlan(seed * 17),
  () => commands.acknowledgeAnnounce(),
  (seed) => commands.setQueuePairs(seed % 5),
  (seed) =>
    commands.setRss({
      hashTypes: seed * 3,
      indirectionTable: Array.from({ length: 1 << (seed % 9) }, (_, i) => (i * seed) % 5),
      unclassifiedQueue: seed % 4,
      maxTransmitQueues: seed % 5,
      key: new Uint8Array(seed % 64).fill(seed),
    }),
  (seed) => commands.setHash(seed * 5, new Uint8Array(40).fill(seed)),
  (seed) => commands.setGuestOffloads(BigInt(seed) << 1n),
  (seed) => commands.setTransmitCoalescing({ maxPackets: seed, maxMicroseconds: seed * 50 }),
  (seed) => commands.setReceiveCoalescing({ maxPackets: seed % 8, maxMicroseconds: seed * 50 }),
  (seed) => commands.setQueueCoalescing(seed % 8, { maxPackets: seed, maxMicroseconds: 100 }),
  (seed) => commands.getQueueCoalescing(seed % 8),
  () => commands.queryStatistics(),
  (seed) =>
    commands.getStatistics([{ queue: seed % 8, types: statisticsOf(seed % 8).slice(0, 1 + ((seed >>> 4) % 4)) }]),
  (seed) => ({ kind: 7, command: 0, data: Uint8Array.of(seed, seed >>> 7, 0, 0), resultBytes: 0 }),
];

/** The types that a receive queue has, those that a transmit queue has, and that of the control queue behind three pairs. */
const statisticsOf = (queue: number): number[] =>
  queue === 6 ? [32] : [0, 1, 2, 3].map((type) => type + 16 * (queue % 2));

/** Class, command and data: a right command, one that was cut or changed, or any bytes at all. */
export function commandBytesOf(args: Arguments): Uint8Array {
  const template = args.below(templates.length + 1);
  const seed = args.byte();
  const change = args.byte();
  if (template === templates.length) return Uint8Array.of(seed % 14, change % 8, args.byte(), args.byte());
  const { kind, command, data } = templates[template](seed);
  const bytes = Uint8Array.of(kind, command, ...data);
  if (change === 0) return bytes;
  if (change < 128) bytes[change % bytes.length] ^= change;
  else return bytes.subarray(0, (change - 128) % (bytes.length + 1));
  return bytes;
}
