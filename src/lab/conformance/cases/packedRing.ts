import { descriptorFlag, headerBytes, type DriverRing, type Queue } from '../../../driver/index.js';
import type { Bench } from '../bench.js';
import { claim, type Case } from '../case.js';
import { incoming, outgoing, packetBytes, sameFrames, sentFrames } from '../exchange.js';
import { same } from '../reception.js';
import { becomes, packedDescriptor, packedOf, pieces, storePacket, usedBuffers } from '../rings.js';
import { readableBufferCase, readableCommandCase } from './buffers.js';

const common = { card: { pairs: 1 }, needs: ['VIRTIO_F_RING_PACKED'] } as const;
const ring = 'packed';
const { available, used } = descriptorFlag;
const entries = 16;
const receiveBytes = 2048;

/** Used in order, one descriptor could stand for several buffers (2.8.8). */
const eachTold = { ring, except: ['VIRTIO_F_IN_ORDER'] } as const;

/** Descriptors of the buffers of a batch. */
const chainLengths = [1, 3, 2, 1, 4, 1, 2, 1];

/** Packed virtqueues (virtio 2.8). */
export const packedRingCases: readonly Case[] = [
  {
    id: 'packed-order-transmit',
    statements: ['packed-dev-001', 'packed-dev-002'],
    section: '2.8.12',
    expects:
      'packets are sent in the order of the ring, and used descriptors stand in the order in which they were sent',
    ...common,
    async run(bench) {
      const driver = await bench.start(eachTold);
      const { queue } = driver.transmitters[0];
      // Buffers then begin in the middle of the ring and of the ids, so that neither has the order of the other.
      await sendSingly(bench, driver.transmitters[0].queue, 11, async (i) =>
        storePacket(driver, outgoing(driver, 11)[i]),
      );
      await bench.fromCard(11);
      const frames = outgoing(driver, chainLengths.length, 200);
      const ids: number[] = [];
      for (const [i, frame] of frames.entries()) {
        const bytes = packetBytes(driver.features, frame);
        const lengths = equalParts(bytes.length, chainLengths[i]);
        ids.push(await queue.add(pieces(await driver.transport.memory.store(bytes), lengths)));
      }
      await queue.kick();
      const sent = await sentFrames(bench, frames.length);
      claim(sameFrames(sent, frames), 'packets were sent in another order than that of the ring');
      const order = (await usedBuffers(bench, queue.ring, ids.length)).map(({ id }) => id);
      return claim(sameOrder(order, ids), `buffers ${ids.join(' ')} sent; used descriptors of ${order.join(' ')}`);
    },
  },
  {
    id: 'packed-order-receive',
    statements: ['packed-dev-001', 'packed-dev-002'],
    section: '2.8.12',
    expects: 'packets are received into the buffers in the order of the ring, and used descriptors stand in that order',
    ...common,
    async run(bench) {
      const driver = await bench.start({ ...eachTold, receive: { buffers: 0 } });
      const { queue } = driver.receivers[0];
      const singles = incoming(driver, 11);
      await sendSingly(
        bench,
        queue,
        singles.length,
        async () => ({
          address: await driver.transport.memory.allocate(receiveBytes),
          length: receiveBytes,
          writable: true,
        }),
        (i) => bench.wire.send(singles[i]),
      );
      const frames = incoming(driver, chainLengths.length, 200);
      const buffers: { id: number; address: number }[] = [];
      for (const count of chainLengths) {
        const address = await driver.transport.memory.allocate(receiveBytes);
        buffers.push({ id: await queue.add(pieces(address, equalParts(receiveBytes, count), true)), address });
      }
      await queue.kick();
      await bench.wire.send(...frames);
      const order = (await usedBuffers(bench, queue.ring, buffers.length)).map(({ id }) => id);
      for (const [i, { id, address }] of buffers.entries()) {
        const bytes = await bench.machine.readBytes(address + headerBytes(driver.features), frames[i].length);
        claim(same(bytes, frames[i]), `packet ${i} is not in buffer ${id}, which is number ${i} of the ring`);
      }
      const ids = buffers.map(({ id }) => id);
      return claim(sameOrder(order, ids), `buffers ${ids.join(' ')} filled; used descriptors of ${order.join(' ')}`);
    },
  },
  readableBufferCase('packed', 'packed-dev-003', '2.8.15'),
  readableCommandCase('packed', 'packed-dev-003', '2.8.15'),
  ...([0, 1] as const).map((round): Case => ({
    id: `packed-unavailable-${round === 0 ? 'first' : 'second'}-round`,
    statements: ['packed-dev-004'],
    section: '2.8.15',
    expects: 'a descriptor is left alone until VIRTQ_DESC_F_AVAIL is changed, whatever else is written in it',
    ...common,
    async run(bench) {
      const driver = await bench.start({ ring });
      const { queue } = driver.transmitters[0];
      const packed = packedOf(queue);
      if (round === 1) {
        await sendSingly(bench, queue, entries, async (i) => storePacket(driver, outgoing(driver, entries)[i]));
        await bench.fromCard(entries);
      }
      const unchanged = round === 0 ? [0, used] : [available | used, available];
      const ready = round === 0 ? available : used;
      const [frame] = outgoing(driver, 1, 99);
      const element = await storePacket(driver, frame);
      for (const flags of unchanged) {
        await packed.writeDescriptor(0, element, 5, flags);
        const { bytes: before } = await packedDescriptor(driver.transport, packed, 0);
        await queue.notify();
        await bench.quiet();
        const { bytes: after } = await packedDescriptor(driver.transport, packed, 0);
        const sent = (await bench.wire.take()).length;
        claim(sent === 0 && same(before, after), `flags 0x${flags.toString(16)}: ${sent} packets sent`);
      }
      await packed.writeDescriptor(0, element, 5, ready);
      await queue.notify();
      const sent = await sentFrames(bench, 1);
      return claim(
        sameFrames(sent, [frame]),
        `not sent with flags ${unchanged.map((flags) => `0x${flags.toString(16)}`).join(' and ')}, sent with 0x${ready.toString(16)}`,
      );
    },
  })),
  {
    id: 'packed-partly-available',
    statements: ['packed-dev-004'],
    section: '2.8.15',
    expects: 'behind the last available descriptor the device stops, also when more is written there',
    ...common,
    async run(bench) {
      const driver = await bench.start({ ring });
      const { queue } = driver.transmitters[0];
      const packed = packedOf(queue);
      const frames = outgoing(driver, 3);
      for (const [place, frame] of frames.entries()) {
        await packed.writeDescriptor(place, await storePacket(driver, frame), place, place === 1 ? 0 : available);
      }
      await queue.notify();
      const first = await sentFrames(bench, 1);
      await bench.quiet();
      const more = (await bench.wire.take()).length;
      claim(sameFrames(first, [frames[0]]) && more === 0, `${1 + more} packets sent of one that was available`);
      await packed.writeDescriptor(1, await storePacket(driver, frames[1]), 1, available);
      await queue.notify();
      const rest = await sentFrames(bench, 2);
      return claim(
        sameFrames(rest, frames.slice(1)),
        'of three descriptors the first was used; the others when the second was available too',
      );
    },
  },
  ...(['transmit', 'receive'] as const).map((direction): Case => ({
    id: `packed-used-unchanged-${direction}`,
    statements: ['packed-dev-005'],
    section: '2.8.15',
    expects: 'a descriptor that is marked used is not changed any more',
    ...common,
    async run(bench) {
      const driver = await bench.start({ ring });
      const { queue } = (direction === 'transmit' ? driver.transmitters : driver.receivers)[0];
      const packed = packedOf(queue);
      const marked: Uint8Array[] = [];
      const frames = (direction === 'transmit' ? outgoing : incoming)(driver, 8);
      for (const [i, frame] of frames.entries()) {
        const place = direction === 'transmit' ? 2 * i : i;
        if (direction === 'transmit') await driver.send(0, [frame]);
        else await bench.wire.send(frame);
        // Looked at in the moment in which it is first seen as used.
        let now = await packedDescriptor(driver.transport, packed, place);
        const done = await becomes(bench, async () => {
          now = await packedDescriptor(driver.transport, packed, place);
          return now.marked === 'used';
        });
        claim(done, `descriptor ${place} is not marked used`);
        marked.push(now.bytes);
      }
      await bench.quiet();
      const changed: number[] = [];
      for (const [i, bytes] of marked.entries()) {
        const place = direction === 'transmit' ? 2 * i : i;
        if (!same((await packedDescriptor(driver.transport, packed, place)).bytes, bytes)) changed.push(place);
      }
      return claim(
        changed.length === 0,
        `${marked.length - changed.length} of ${marked.length} descriptors are as they were when they were marked used`,
      );
    },
  })),
  ...(['transmit', 'receive'] as const).map((direction): Case => ({
    id: `packed-chain-order-${direction}`,
    statements: ['packed-dev-006'],
    section: '2.8.18',
    expects: 'the elements of a list are used in their order in the ring, wherever they are in memory',
    ...common,
    async run(bench) {
      const driver = await bench.start({ ring, receive: { buffers: 0 } });
      const { transport } = driver;
      const { queue } = (direction === 'transmit' ? driver.transmitters : driver.receivers)[0];
      const { memory } = transport;
      const header = headerBytes(driver.features);
      // Seven elements, time and again: some lists go around the end of the ring.
      const frames = (direction === 'transmit' ? outgoing : incoming)(driver, 6, 300);
      for (const frame of frames) {
        const bytes = packetBytes(driver.features, frame);
        const lengths = equalParts(bytes.length, 7);
        // The first element is the last in memory, with a gap before each.
        const places: number[] = [];
        for (const length of lengths) places.unshift(await memory.allocate(length + 8));
        const elements = lengths.map((length, i) => ({
          address: places[i],
          length,
          writable: direction === 'receive',
        }));
        if (direction === 'transmit') await scatter(bench, bytes, elements);
        await queue.add(elements);
        await queue.kick();
        if (direction === 'receive') await bench.wire.send(frame);
        await usedBuffers(bench, queue.ring, 1);
        const seen =
          direction === 'transmit' ? (await sentFrames(bench, 1))[0] : (await gather(bench, elements)).slice(header);
        claim(same(seen, frame), `the parts of the packet are in another order than the ${lengths.length} elements`);
      }
      return `${frames.length} packets of 7 elements each, in a ring of ${entries}`;
    },
  })),
];

/** Has buffers of one descriptor used one after the other. */
async function sendSingly(
  bench: Bench,
  queue: Queue,
  count: number,
  element: (i: number) => Promise<Parameters<DriverRing['add']>[0][number]>,
  cause: (i: number) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  for (let i = 0; i < count; i++) {
    await queue.add([await element(i)]);
    await queue.kick();
    await cause(i);
    await usedBuffers(bench, queue.ring, 1);
  }
}

interface Part {
  readonly address: number;
  readonly length: number;
}

async function scatter({ machine }: Bench, bytes: Uint8Array, parts: readonly Part[]): Promise<void> {
  let at = 0;
  for (const { address, length } of parts) {
    await machine.writeBytes(address, bytes.slice(at, at + length));
    at += length;
  }
}

async function gather({ machine }: Bench, parts: readonly Part[]): Promise<Uint8Array> {
  const bytes: number[] = [];
  for (const { address, length } of parts) bytes.push(...(await machine.readBytes(address, length)));
  return Uint8Array.from(bytes);
}

/** Lengths of `count` parts that are about as long as each other. */
function equalParts(length: number, count: number): number[] {
  const part = Math.floor(length / count);
  return Array.from({ length: count }, (_, i) => (i < count - 1 ? part : length - part * (count - 1)));
}

const sameOrder = (one: readonly number[], other: readonly number[]): boolean => one.join() === other.join();
