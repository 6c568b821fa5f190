import { until, type NetDriver, type Packet } from '../../../../src/driver/index.js';
import type { Target, WireFrame } from '../../../../src/lab/targets/target.js';
import { buildPacket, plainSum, type BuiltPacket } from '../../../support/packets.js';
import { frames, macOf } from '../script.js';

export const peer = [0x02, 0, 0, 0, 0, 0x01];
export const stranger = [0x02, 0, 0, 0, 0, 0x77];
export const broadcast = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

export function addressed(built: BuiltPacket, to: readonly number[], from: readonly number[]): BuiltPacket {
  built.bytes.set([...to, ...from]);
  return built;
}

/** What is in a UDP packet that needs no more work. */
export function complete({ bytes, checksumStart, checksumOffset }: BuiltPacket): Uint8Array {
  const sum = 0xffff - plainSum(bytes.subarray(checksumStart));
  bytes.set([sum >>> 8, sum & 0xff], checksumStart + checksumOffset);
  return bytes;
}

/** A frame as it is when whoever receives it has filled in the checksum that the card left to it. */
export function summed({ bytes, offload }: WireFrame): Uint8Array {
  if (!offload?.needsChecksum) return bytes;
  return complete({ ...offload, bytes: bytes.slice(), networkStart: 0, payloadStart: 0 });
}

/** Bytes that tell where in a payload they are. */
export const payload = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 13 + (i >>> 8)) & 0xff);

/** Datagrams of different flows to the card: the last byte of each payload is its number. */
export function datagrams(driver: NetDriver, count: number): { bytes: Uint8Array; port: number }[] {
  return Array.from({ length: count }, (_, i) => {
    const port = 50100 + 7 * i;
    const built = buildPacket({ version: 4, transport: 'udp', payload: Uint8Array.of(1, 2, i), port });
    return { bytes: complete(addressed(built, macOf(driver), peer)), port };
  });
}

export const sourcePort = 50001;
export const addresses = { source: [10, 1, 2, 3], destination: [192, 168, 254, 77] };

/** Frames that the card is not to hand on, then one that it is; answers what the driver gets. */
export async function filtered(driver: NetDriver, target: Target, unwanted: readonly Uint8Array[]): Promise<Packet[]> {
  const [last] = frames(1, macOf(driver), peer);
  await target.wire.send(...unwanted, last);
  const packets: Packet[] = [];
  return until(target.machine, 'frame for the card', async () => {
    packets.push(...(await driver.receive()));
    return packets.some(({ frame }) => Buffer.compare(frame, last) === 0) ? packets : undefined;
  });
}

export const framesOf = (packets: readonly Packet[]): Uint8Array[] => packets.map(({ frame }) => frame);

/** The frame that a station sends back: with source and destination exchanged, in Ethernet, IPv4 and UDP. */
export function answerTo(frame: Uint8Array): Uint8Array {
  const answer = frame.slice();
  for (const [a, b, length] of [
    [0, 6, 6],
    [26, 30, 4],
    [34, 36, 2],
  ] as const) {
    answer.set(frame.subarray(a, a + length), b);
    answer.set(frame.subarray(b, b + length), a);
  }
  return answer;
}
