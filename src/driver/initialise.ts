import { has } from './features.js';
import { DeviceError, until } from './machine.js';
import { noVector } from './msix.js';
import { PackedRing } from './packedRing.js';
import type { DriverRing } from './ring.js';
import { SplitRing } from './splitRing.js';
import { status } from './status.js';
import type { Transport } from './transport.js';

/** Resets the device and waits until it says that it is reset (virtio 2.4.2, 4.1.4.3.2). */
export async function reset(transport: Transport): Promise<void> {
  await transport.writeStatus(0);
  await until(transport.card.machine, 'end of the reset', async () => {
    return (await transport.readStatus()) === 0 ? true : undefined;
  });
}

/** Adds a bit to the device status, as every step of the initialisation does. Answers the status read back. */
export async function addStatus(transport: Transport, bit: number): Promise<number> {
  await transport.writeStatus((await transport.readStatus()) | bit);
  return transport.readStatus();
}

/** What a driver does from the reset up to FEATURES_OK (virtio 3.1.1, steps 1 to 6). Answers what it accepted. */
export async function negotiate(transport: Transport, choose: (offered: bigint) => bigint): Promise<bigint> {
  await reset(transport);
  await addStatus(transport, status.acknowledge);
  await addStatus(transport, status.driver);
  const accepted = choose(await transport.offered());
  await transport.accept(accepted);
  // A legacy device knows no FEATURES_OK (3.1.2).
  if (transport.kind === 'modern' && !((await addStatus(transport, status.featuresOk)) & status.featuresOk)) {
    await addStatus(transport, status.failed);
    throw new DeviceError(`the device refuses the features 0x${accepted.toString(16)}`);
  }
  return accepted;
}

/**
 * Has the device stand still (virtio 1.4, 3.4) and waits until it does. Until `resume` nothing is made available, and nobody
 * notified; needs VIRTIO_F_SUSPEND.
 */
export async function suspend(transport: Transport): Promise<void> {
  await addStatus(transport, status.suspend);
  await until(transport.card.machine, 'suspended device', async () => {
    return ((await transport.readStatus()) & (status.suspend | status.driverOk)) === status.suspend ? true : undefined;
  });
}

/** Has a suspended device go on, and waits until it does. */
export async function resume(transport: Transport): Promise<void> {
  await addStatus(transport, status.driverOk);
  await until(transport.card.machine, 'device that goes on', async () => {
    return ((await transport.readStatus()) & (status.suspend | status.driverOk)) === status.driverOk ? true : undefined;
  });
}

export interface QueueOptions {
  /** Entries; the most that the device allows when left out. A legacy device allows no other number. */
  readonly size?: number;
  /** The queue's vector; none when left out. */
  readonly vector?: number;
}

/** Makes a queue of the layout that was negotiated, and hands it to the device (virtio 4.1.5.1.3). */
export async function setUpQueue(
  transport: Transport,
  features: bigint,
  index: number,
  options: QueueOptions = {},
): Promise<DriverRing> {
  const most = await transport.queueSize(index);
  if (most === 0) throw new DeviceError(`the device has no queue ${index}`);
  const ringOptions = {
    size: transport.kind === 'legacy' ? most : (options.size ?? most),
    eventIndex: has(features, 'VIRTIO_F_EVENT_IDX'),
    inOrder: has(features, 'VIRTIO_F_IN_ORDER'),
    legacy: transport.kind === 'legacy',
  };
  const { memory } = transport;
  const ring = has(features, 'VIRTIO_F_RING_PACKED')
    ? await PackedRing.create(memory, ringOptions)
    : await SplitRing.create(memory, ringOptions);
  if (options.vector !== undefined) {
    const mapped = await transport.setQueueVector(index, options.vector);
    if (mapped === noVector) throw new DeviceError(`the device can't map queue ${index} to vector ${options.vector}`);
  }
  await transport.placeQueue(index, ring);
  return ring;
}
