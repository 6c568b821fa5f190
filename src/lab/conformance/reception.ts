import { until, type NetDriver } from '../../driver/index.js';
import type { Bench } from './bench.js';

export type Mac = readonly number[];

/** The address that cards have when they do not tell. */
const permanent: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

/** Stations of the network, and addresses that are nobody's own. */
export const peer: Mac = [0x02, 0, 0, 0, 0, 0x01];
export const stranger: Mac = [0x02, 0, 0, 0, 0, 0x77];
export const group: Mac = [0x03, 0, 0, 0, 0, 0x05];
export const broadcast: Mac = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

export function macOf(driver: Pick<NetDriver, 'config'>): Mac {
  return driver.config.mac ? [...driver.config.mac] : permanent;
}

/** A type that nobody knows, for local experiments (IEEE 802). */
const experimentalType = [0x88, 0xb5];
const shortestFrame = 60;
let serial = 0;

/** A frame like no other, to an address, with the 16 bits of a VLAN tag if wanted. */
export function frameTo(to: Mac, tag?: number): Uint8Array {
  const bytes = new Uint8Array(shortestFrame);
  const tagged = tag === undefined ? [] : [0x81, 0x00, tag >>> 8, tag & 0xff];
  serial++;
  bytes.set([...to, ...peer, ...tagged, ...experimentalType, serial >>> 16, (serial >>> 8) & 0xff, serial & 0xff]);
  return bytes;
}

export function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/**
 * Sends frames to a card with one pair in use, and tells of each whether the driver got it.
 * @param last comes behind them, so that what has not come then does not come; it has to be one that the card lets through
 */
export async function arriving(
  bench: Bench,
  driver: NetDriver,
  frames: readonly Uint8Array[],
  last: Uint8Array,
): Promise<boolean[]> {
  await bench.wire.send(...frames, last);
  const got: Uint8Array[] = [];
  await until(bench.machine, 'frame that is for the driver', async () => {
    for (const { frame } of await driver.receive()) got.push(frame);
    return got.some((frame) => same(frame, last)) ? true : undefined;
  });
  return frames.map((frame) => got.some((other) => same(frame, other)));
}
