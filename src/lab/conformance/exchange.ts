import { encodeHeader, headerBytes, type NetDriver } from '../../driver/index.js';
import type { Bench } from './bench.js';
import { claim } from './case.js';
import { plainFrame } from './packets.js';
import { macOf, peer, same } from './reception.js';

/** Frames from the peer to the card, each unlike the others. @param length in bytes; 60 to 1514 in turn when left out */
export function incoming(driver: Pick<NetDriver, 'config'>, count: number, length?: number): Uint8Array[] {
  return numbered(count, macOf(driver), peer, length);
}

/** The same from the card to the peer. */
export function outgoing(driver: Pick<NetDriver, 'config'>, count: number, length?: number): Uint8Array[] {
  return numbered(count, peer, macOf(driver), length);
}

function numbered(count: number, to: readonly number[], from: readonly number[], length?: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => plainFrame(to, from, length ?? 60 + ((i * 97) % 1455), i));
}

/** A frame behind an empty packet header, as a driver hands it over. */
export function packetBytes(features: bigint, frame: Uint8Array): Uint8Array {
  return Uint8Array.of(...encodeHeader({}, headerBytes(features)), ...frame);
}

/** Whether these are the same frames in the same order. */
export function sameFrames(seen: readonly Uint8Array[], expected: readonly Uint8Array[]): boolean {
  return seen.length === expected.length && seen.every((frame, i) => same(frame, expected[i]));
}

/** The frames that the card sends, once there are as many. @throws TimeoutError */
export async function sentFrames(bench: Bench, count: number): Promise<Uint8Array[]> {
  return (await bench.fromCard(count)).map(({ bytes }) => bytes);
}

/** Has the card of one pair send frames and receive some. @throws Nonconformance, TimeoutError when it does not */
export async function exchange(bench: Bench, driver: NetDriver, count = 3): Promise<void> {
  const out = outgoing(driver, count);
  await driver.send(0, out);
  claim(sameFrames(await sentFrames(bench, count), out), 'the card sent other frames than it was given');
  await driver.sent(0);
  const given = incoming(driver, count);
  await bench.wire.send(...given);
  const packets = await driver.packets(count);
  claim(
    sameFrames(
      packets.map(({ frame }) => frame),
      given,
    ),
    'the driver got other frames than were sent to the card',
  );
}
