import { until, type FeatureName, type NetDriver, type Packet } from '../../driver/index.js';
import type { WireFrame } from '../targets/target.js';
import type { Bench, StartOptions } from './bench.js';
import { Skipped } from './case.js';
import { plainFrame, summed } from './packets.js';
import { macOf, peer, same, type Mac } from './reception.js';

/** A driver with one pair that accepts these features and the card's address. */
export function startWith(
  bench: Bench,
  names: readonly FeatureName[],
  options: Omit<StartOptions, 'only'> = {},
): Promise<NetDriver> {
  return bench.start({ ...options, only: ['VIRTIO_NET_F_MAC', ...names] });
}

/** Addresses of a packet that the card sends, and of one for it. */
export const outbound = (driver: NetDriver) => ({ to: peer, from: macOf(driver) });
export const inbound = (driver: NetDriver) => ({ to: macOf(driver), from: peer });

/** Of no packet, and easily told from those of the cases. */
const markerLength = 61;
let markers = 0;

/** A frame like no other. */
export function marker({ to, from }: { to: Mac; from: Mac }): Uint8Array {
  const frame = plainFrame(to, from, markerLength);
  new DataView(frame.buffer).setUint32(markerLength - 4, ++markers);
  return frame;
}

/** Sends frames to the card of which some work is left to the receiver. @throws Skipped where the wire can't */
export async function give(bench: Bench, ...frames: readonly WireFrame[]): Promise<void> {
  const { wire, machine } = bench;
  if (!wire.sendOffloaded) throw new Skipped(`the wire to ${machine.name} carries finished packets only`);
  await wire.sendOffloaded(...frames);
}

/** The packets that the driver gets until a frame comes that is sent to it now, behind all others. */
export async function receivedUntilMarker(bench: Bench, driver: NetDriver): Promise<Packet[]> {
  const last = marker(inbound(driver));
  await bench.wire.send(last);
  const packets: Packet[] = [];
  return until(bench.machine, 'frame that was sent last', async () => {
    packets.push(...(await driver.receive()));
    const at = packets.findIndex(({ frame }) => same(frame, last));
    return at < 0 ? undefined : packets.slice(0, at);
  });
}

/** The frames that come out of the card before one that it is given now, behind all others. */
export async function sentUntilMarker(bench: Bench, driver: NetDriver): Promise<WireFrame[]> {
  const last = marker(outbound(driver));
  await driver.send(0, [last]);
  const frames: WireFrame[] = [];
  return until(bench.machine, 'frame that was sent last', async () => {
    frames.push(...(await bench.wire.take()));
    await driver.transmitters[0].reclaim();
    const at = frames.findIndex(({ bytes }) => same(bytes, last));
    return at < 0 ? undefined : frames.slice(0, at);
  });
}

/** A frame as it is when whoever receives it has filled in the checksum that was left to them. */
export function finished({ bytes, offload }: WireFrame): Uint8Array {
  return offload?.needsChecksum ? summed(bytes, offload.checksumStart, offload.checksumOffset) : bytes;
}
