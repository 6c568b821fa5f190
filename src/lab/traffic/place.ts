import { has } from '../../driver/features.js';
import type { LocalMemory } from '../../driver/local/memory.js';
import { localRing } from '../../driver/local/newRing.js';
import type { LocalPair } from '../../driver/local/pair.js';
import { LocalReceiveQueue } from '../../driver/local/receive.js';
import { ringOptions, ringPlace, type RingPlace } from '../../driver/local/ring.js';
import { LocalTransmitQueue } from '../../driver/local/transmit.js';
import { headerBytes } from '../../driver/net/header.js';
import type { NetDriver } from '../../driver/net/netDriver.js';

/** Memory in pieces, one after the other. */
export interface Pieces {
  readonly address: number;
  readonly bytes: number;
  readonly count: number;
}

/** A pair of queues and all that belongs to it, as plain data for the thread that is to drive it. */
export interface PairPlace {
  readonly pair: number;
  readonly receive: RingPlace;
  readonly transmit: RingPlace;
  readonly eventIndex: boolean;
  readonly mergeable: boolean;
  readonly headerBytes: number;
  /** Receive buffers. */
  readonly buffers: Pieces;
  /** Frames to send; each has room for its header before it. */
  readonly frames: Pieces;
  /** Both queues' interrupts are a write to this word. */
  readonly signal: number;
}

/** Room for a frame, and for its header in front of it. */
export const pieceBytes = 2048;
export const headRoom = 62;

/**
 * Hands the queues of a pair over, of a driver that gave the device no buffers yet: started with
 * `receive: { buffers: 0 }`. From then on its own ones are not to be used.
 */
export async function placePair(driver: NetDriver, pair: number): Promise<PairPlace> {
  const { transport, features } = driver;
  const { memory, msix } = transport;
  const queues = [driver.receivers[pair].queue, driver.transmitters[pair].queue];
  const [receive, transmit] = queues.map(({ ring }) => ringPlace(ring));
  const pieces = async (count: number): Promise<Pieces> => ({
    address: await memory.allocate(pieceBytes * count, 64),
    bytes: pieceBytes,
    count,
  });
  const signal = await memory.allocate(64, 64);
  for (const { vector } of queues) if (vector !== undefined) await msix!.setEntry(vector, signal, 1);
  return {
    pair,
    receive,
    transmit,
    ...ringOptions(features),
    mergeable: has(features, 'VIRTIO_NET_F_MRG_RXBUF'),
    headerBytes: headerBytes(features),
    buffers: await pieces(receive.size),
    frames: await pieces(transmit.size),
    signal,
  };
}

/** Drives a pair from now on; the device gets its receive buffers. @param notify of a queue */
export function drivePair(memory: LocalMemory, place: PairPlace, notify: (queue: number) => void): LocalPair {
  const { pair, eventIndex, mergeable, buffers } = place;
  const receiveRing = localRing(memory, place.receive, { eventIndex });
  const transmitRing = localRing(memory, place.transmit, { eventIndex });
  const receiver = new LocalReceiveQueue(memory, receiveRing, () => notify(2 * pair), {
    headerBytes: place.headerBytes,
    mergeable,
    address: buffers.address,
    bufferBytes: buffers.bytes,
    buffers: buffers.count,
  });
  const transmitter = new LocalTransmitQueue(transmitRing, () => notify(2 * pair + 1), {
    headerBytes: place.headerBytes,
  });
  receiver.fill();
  return { receiver, transmitter };
}
