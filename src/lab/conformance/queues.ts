import { Queue, ReceiveQueue, setUpQueue, until, type NetDriver, type Packet } from '../../driver/index.js';
import { modernOf, type Bench } from './bench.js';

/** Resets one queue (virtio 2.6.1), and waits until the device says that this is done. */
export async function takeBack(bench: Bench, driver: NetDriver, index: number): Promise<void> {
  const transport = modernOf(driver);
  await until(bench.machine, `end of the reset of queue ${index}`, async () =>
    (await transport.resetQueue(index)) ? true : undefined,
  );
}

/** Enables the receive queue of a pair again, with new buffers. */
export async function enableReceiver({ transport, features }: NetDriver, pair: number): Promise<ReceiveQueue> {
  const index = 2 * pair;
  const queue = new Queue(transport, index, await setUpQueue(transport, features, index, { size: 16 }));
  const receiver = new ReceiveQueue(transport, features, queue, pair);
  await receiver.fill();
  return receiver;
}

/** The packets that these queues have; the device gets new buffers for theirs. */
export async function receiveFrom(receivers: readonly ReceiveQueue[]): Promise<Packet[]> {
  const packets: Packet[] = [];
  for (const receiver of receivers) {
    const received = await receiver.receive();
    if (received.length > 0) await receiver.fill();
    packets.push(...received);
  }
  return packets;
}
