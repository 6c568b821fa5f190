import { has } from '../features.js';
import { ModernTransport } from '../modern.js';
import { headerBytes } from '../net/header.js';
import type { NetDriver } from '../net/netDriver.js';
import { receiveBufferBytes } from '../net/receive.js';
import { UnexpectedCard } from '../errors.js';
import type { LocalMachine } from './machine.js';
import { localRing } from './newRing.js';
import { LocalReceiveQueue } from './receive.js';
import { LocalTables, ringOptions, ringPlace, type LocalRing } from './ring.js';
import { LocalTransmitQueue } from './transmit.js';

export interface LocalPairOptions {
  /** Bytes of each receive buffer with its header; when left out, as many as the features make necessary. */
  readonly bufferBytes?: number;
  /** Receive buffers; as many as the ring holds when left out. */
  readonly buffers?: number;
  /** Every packet's header in a part of its own, all zero; when left out it is before the frame. */
  readonly headerApart?: boolean;
  /** With VIRTIO_F_INDIRECT_DESC, buffers of more than one part go through a table of their own. */
  readonly indirect?: boolean;
}

/** The queues of a pair. */
export interface LocalPair {
  readonly receiver: LocalReceiveQueue;
  readonly transmitter: LocalTransmitQueue;
}

/** A frame's parts at most: its header and itself. */
const mostParts = 2;

/**
 * Takes over a pair's queues of a driver that gave the device no buffers yet: started with `receive: { buffers: 0 }`. From
 * then on the driver's own ones of that pair are not to be used. The device gets its receive buffers at once.
 * @throws UnexpectedCard where the driver uses the legacy interface, or accepted VIRTIO_F_IN_ORDER, which lets the device
 *   tell of several buffers by one
 */
export async function localPair(
  driver: NetDriver,
  pair: number,
  machine: LocalMachine,
  options: LocalPairOptions = {},
): Promise<LocalPair> {
  const { transport, features } = driver;
  if (!(transport instanceof ModernTransport))
    throw new UnexpectedCard('the legacy interface has no notification places');
  if (has(features, 'VIRTIO_F_IN_ORDER')) throw new UnexpectedCard('the driver accepted VIRTIO_F_IN_ORDER');
  const { memory } = transport;
  const header = headerBytes(features);
  const ringOf = async (index: number): Promise<LocalRing> => {
    const place = ringPlace(driver.queues.find((queue) => queue.index === index)!.ring);
    const { size } = place;
    const tables = options.indirect
      ? { address: await memory.allocate(LocalTables.bytes(size, mostParts)), entries: mostParts }
      : undefined;
    return localRing(machine.memory, place, ringOptions(features, tables));
  };
  const receiveRing = await ringOf(2 * pair);
  const transmitRing = await ringOf(2 * pair + 1);
  const bufferBytes = options.bufferBytes ?? Math.ceil(receiveBufferBytes(features) / 4) * 4;
  const buffers = options.buffers ?? receiveRing.place.size;
  const receiver = new LocalReceiveQueue(machine.memory, receiveRing, bell(transport, machine, 2 * pair, receiveRing), {
    headerBytes: header,
    mergeable: has(features, 'VIRTIO_NET_F_MRG_RXBUF'),
    address: await memory.allocate(bufferBytes * buffers, 64),
    bufferBytes,
    buffers,
  });
  const transmitter = new LocalTransmitQueue(transmitRing, bell(transport, machine, 2 * pair + 1, transmitRing), {
    headerBytes: header,
    ...(options.headerApart && { header: await memory.allocate(header) }),
  });
  receiver.fill();
  return { receiver, transmitter };
}

/** An available buffer notification of a queue, as it was negotiated. */
function bell(transport: ModernTransport, machine: LocalMachine, index: number, ring: LocalRing): () => void {
  const { kind, address, value, position } = transport.doorbell(index);
  const write = kind === 'io' ? machine.writePort.bind(machine) : machine.write.bind(machine);
  return position ? () => write(address, 4, value + ring.position * 0x10000) : () => write(address, 2, value);
}
