import { has, until, type Queue, type Transport } from '../../../driver/index.js';
import type { Bench } from '../bench.js';
import { claim, Nonconformance, Skipped, type Case } from '../case.js';
import { packedDescriptor, packedOf, pieces, splitOf, usedElement, usedElementAt } from '../rings.js';
import { incoming, outgoing, packetBytes, sameFrames, sentFrames } from '../exchange.js';

const card = { pairs: 1 };

/** Capability id of PCI Express; only such a function has extended capabilities, of which SR-IOV is one. */
const expressCapability = 0x10;

/** Reserved feature bits (virtio 6). */
export const reservedFeatureCases: readonly Case[] = [
  {
    id: 'reserved-version-1',
    statements: ['basic-dev-021'],
    section: '6.2',
    expects: 'VIRTIO_F_VERSION_1 is offered',
    async run(bench) {
      const offered = await (await bench.modern()).offered();
      return claim(has(offered, 'VIRTIO_F_VERSION_1'), `0x${offered.toString(16)} offered`);
    },
  },
  {
    id: 'reserved-access-platform',
    statements: ['basic-dev-022'],
    section: '6.2',
    expects: 'a device that does not offer VIRTIO_F_ACCESS_PLATFORM reaches all memory by its physical address',
    card,
    async run(bench) {
      const driver = await bench.start();
      const offered = await driver.transport.offered();
      if (has(offered, 'VIRTIO_F_ACCESS_PLATFORM')) return 'VIRTIO_F_ACCESS_PLATFORM is offered';
      const frames = outgoing(driver, 3);
      const { start, end } = bench.machine.ram;
      const middle = start + Math.floor((end - start) / 2);
      for (const [i, frame] of frames.entries()) {
        const bytes = packetBytes(driver.features, frame);
        // In the middle, across a page, and up to the very end.
        const address = [middle, middle + 8192 - 20, end - bytes.length][i];
        await bench.machine.writeBytes(address, bytes);
        await driver.transmitters[0].queue.add([{ address, length: bytes.length, writable: false }]);
      }
      await driver.transmitters[0].queue.kick();
      const sent = await sentFrames(bench, frames.length);
      return claim(
        sameFrames(sent, frames),
        `packets from the middle of memory and up to its end at 0x${end.toString(16)}`,
      );
    },
  },
  {
    id: 'reserved-in-order-split',
    statements: ['basic-dev-023'],
    section: '6.2',
    expects: 'with VIRTIO_F_IN_ORDER the used ring has the buffers in the order in which they were made available',
    card,
    needs: ['VIRTIO_F_IN_ORDER'],
    run: (bench) => inOrder(bench, 'split', splitOrder),
  },
  {
    id: 'reserved-in-order-packed',
    statements: ['basic-dev-023'],
    section: '6.2',
    expects: 'with VIRTIO_F_IN_ORDER the ring has the used buffers in the order in which they were made available',
    card,
    needs: ['VIRTIO_F_IN_ORDER', 'VIRTIO_F_RING_PACKED'],
    run: (bench) => inOrder(bench, 'packed', packedOrder),
  },
  {
    id: 'reserved-sr-iov',
    statements: ['basic-dev-024'],
    section: '6.2',
    expects: 'VIRTIO_F_SR_IOV is offered only where there is an SR-IOV capability',
    async run(bench) {
      const transport = await bench.modern();
      const offered = has(await transport.offered(), 'VIRTIO_F_SR_IOV');
      const express = (await transport.card.capabilities()).some(({ id }) => id === expressCapability);
      if (offered && express)
        throw new Skipped('extended capabilities of a PCI Express function can not be read by these ports');
      return claim(!offered, offered ? 'offered by a conventional PCI function, which has no SR-IOV' : 'not offered');
    },
  },
];

/** A buffer that a driver gave, and how many descriptors of the ring it takes. */
interface Given {
  readonly id: number;
  readonly slots: number;
}

/** Which of the buffers are used, as a ring says that is used in order. @throws Nonconformance when it can't be read so */
type Order = (transport: Transport, queue: Queue, given: readonly Given[]) => Promise<number[]>;

async function inOrder(bench: Bench, ring: 'split' | 'packed', order: Order): Promise<string> {
  const driver = await bench.start({ ring, receive: { buffers: 0 } });
  const { transport } = driver;
  const [{ queue: transmit }] = driver.transmitters;
  const [{ queue: receive }] = driver.receivers;
  if (ring === 'split') await poisonUsedRing(transport, transmit, receive);

  const sent: Given[] = [];
  for (const [i, frame] of outgoing(driver, 7).entries()) {
    const bytes = packetBytes(driver.features, frame);
    const address = await transport.memory.store(bytes);
    const lengths = i % 2 === 0 ? [bytes.length] : [20, bytes.length - 20];
    sent.push({ id: await transmit.add(pieces(address, lengths)), slots: lengths.length });
  }
  await transmit.kick();
  await allUsed(bench, () => order(transport, transmit, sent), sent);

  const filled: Given[] = [];
  const length = 2048;
  for (let i = 0; i < 9; i++) {
    const elements = pieces(
      await transport.memory.allocate(length),
      i % 2 === 0 ? [length] : [100, length - 100],
      true,
    );
    filled.push({ id: await receive.add(elements), slots: elements.length });
  }
  await receive.kick();
  await bench.wire.send(...incoming(driver, filled.length));
  await allUsed(bench, () => order(transport, receive, filled), filled);
  const ids = (given: readonly Given[]): string => given.map(({ id }) => id).join(' ');
  return `transmit buffers used: ${ids(sent)}; receive buffers: ${ids(filled)}; each list as it was made available`;
}

function allUsed(bench: Bench, order: () => Promise<number[]>, given: readonly Given[]): Promise<true> {
  return until(bench.machine, `${given.length} used buffers`, async () => {
    return (await order()).length === given.length ? true : undefined;
  });
}

/** What stands in an entry of the used ring that was not written. */
const unwritten = 0xffffffff;

async function poisonUsedRing({ card: { machine } }: Transport, ...queues: readonly Queue[]): Promise<void> {
  for (const queue of queues) {
    const ring = splitOf(queue);
    await machine.writeBytes(usedElementAt(ring, 0), new Uint8Array(8 * ring.size).fill(0xff));
  }
}

/** One entry may stand for all buffers up to its own; the others of the batch are then not written (2.7.9). */
const splitOrder: Order = async (transport, queue, given) => {
  const ring = splitOf(queue);
  const index = await ring.readUsedIndex();
  const used: number[] = [];
  while (used.length < index) {
    const { id } = await usedElement(transport, ring, used.length);
    const last = laterIn(given, used.length, id);
    for (let skipped = used.length + 1; skipped <= last; skipped++) {
      const other = await usedElement(transport, ring, skipped);
      if (other.id !== unwritten) outOfOrder(given, [...used, id, other.id]);
    }
    used.push(...given.slice(used.length, last + 1).map((buffer) => buffer.id));
  }
  return used;
};

/** The same, with used descriptors that are as far apart as the batches are long (2.8.8). */
const packedOrder: Order = async (transport, queue, given) => {
  const ring = packedOf(queue);
  const used: number[] = [];
  let place = 0;
  while (used.length < given.length) {
    const { id, marked } = await packedDescriptor(transport, ring, place);
    if (marked !== 'used') return used;
    const batch = given.slice(used.length, laterIn(given, used.length, id) + 1);
    for (const [i, buffer] of batch.entries()) {
      const other = await packedDescriptor(transport, ring, place);
      if (i > 0 && other.marked === 'used') outOfOrder(given, [...used, id, other.id]);
      place += buffer.slots;
    }
    used.push(...batch.map((buffer) => buffer.id));
  }
  return used;
};

/** Where in the list the buffer is, from `from` on. */
function laterIn(given: readonly Given[], from: number, id: number): number {
  const at = given.findIndex((buffer, i) => i >= from && buffer.id === id);
  return at < 0 ? outOfOrder(given, [id]) : at;
}

function outOfOrder(given: readonly Given[], used: readonly number[]): never {
  const order = given.map(({ id }) => id).join(' ');
  throw new Nonconformance(`made available: ${order}; used: ${used.join(' ')}`);
}
