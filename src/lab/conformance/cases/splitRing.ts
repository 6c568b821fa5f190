import {
  commands,
  descriptor,
  descriptorBytes,
  descriptorFlag,
  headerBytes,
  type Element,
  type NetDriver,
  type Queue,
  type SplitRing,
  type Transport,
} from '../../../driver/index.js';
import { view } from '../../../driver/memory.js';
import type { Bench } from '../bench.js';
import { claim, type Case } from '../case.js';
import { incoming, outgoing, packetBytes, sameFrames, sentFrames } from '../exchange.js';
import { same } from '../reception.js';
import { pieces, splitOf, usedBuffers, usedElement, usedElementAt, usedIndexAfter } from '../rings.js';
import { readableBufferCase, readableCommandCase } from './buffers.js';

const card = { pairs: 1 };
const indirectFeature = ['VIRTIO_F_INDIRECT_DESC'] as const;
const receiveBytes = 2048;

/** The descriptor table (virtio 2.7.5). */
export const descriptorTableCases: readonly Case[] = [
  readableBufferCase('split', 'split-dev-002', '2.7.5.1'),
  readableCommandCase('split', 'split-dev-002', '2.7.5.1'),
  ...[false, true].map((indirect): Case => ({
    id: `descriptors-unwritten-${indirect ? 'indirect' : 'direct'}`,
    statements: ['split-dev-003'],
    section: '2.7.5.1',
    expects: 'no entry of a descriptor table is written, of whichever queue',
    card,
    ...(indirect && { needs: indirectFeature }),
    async run(bench) {
      const driver = await bench.start({ receive: { buffers: 0 } });
      const [out] = outgoing(driver, 1);
      const [into] = incoming(driver, 1);
      const options = { indirect };
      const transmit = driver.transmitters[0].queue;
      const receive = driver.receivers[0].queue;
      await transmit.add(await cutPacket(driver, out, [12, 20]), options);
      await receive.add(pieces(await driver.transport.memory.allocate(receiveBytes), [100, 1948], true), options);
      const queues = [transmit, receive];
      if (driver.control) {
        const { kind, command, data } = commands.setMacAddress(Uint8Array.of(0x52, 0x54, 0, 7, 8, 9));
        const bytes = Uint8Array.of(kind, command, ...data);
        const readable = pieces(await driver.transport.memory.store(bytes), [2, 6]);
        const ack = { address: await driver.transport.memory.allocate(1), length: 1, writable: true };
        await driver.control.queue.add([...readable, ack], options);
        queues.push(driver.control.queue);
      }
      const before = await Promise.all(queues.map((queue) => tables(driver.transport, splitOf(queue))));
      for (const queue of queues) await queue.kick();
      await bench.wire.send(into);
      for (const queue of queues) await usedIndexAfter(bench, splitOf(queue), splitOf(queue).usedIndex);
      const after = await Promise.all(queues.map((queue) => tables(driver.transport, splitOf(queue))));
      const written = queues.filter((_, i) => !same(before[i], after[i]));
      return claim(
        written.length === 0,
        written.length === 0
          ? `buffers of ${queues.length} queues used; ${before.reduce((sum, { length }) => sum + length, 0)} bytes of tables unchanged`
          : `written in the tables of ${written.map(({ index }) => `queue ${index}`).join(', ')}`,
      );
    },
  })),
  {
    id: 'indirect-write-flag-ignored',
    statements: ['split-dev-004'],
    section: '2.7.5.3.2',
    expects: 'VIRTQ_DESC_F_WRITE in a descriptor that refers to a table makes no difference',
    card,
    needs: indirectFeature,
    async run(bench) {
      const driver = await bench.start({ receive: { buffers: 0 } });
      const [out] = outgoing(driver, 1, 300);
      const [into] = incoming(driver, 1, 300);
      const transmit = driver.transmitters[0].queue;
      const receive = driver.receivers[0].queue;
      const address = await driver.transport.memory.allocate(receiveBytes);
      const heads: [Queue, number][] = [
        [transmit, await transmit.add(await cutPacket(driver, out, [12, 20]), { indirect: true })],
        [receive, await receive.add(pieces(address, [12, receiveBytes - 12], true), { indirect: true })],
      ];
      for (const [queue, head] of heads) {
        await setFlags(driver.transport, splitOf(queue), head, descriptorFlag.indirect | descriptorFlag.write);
        await queue.kick();
      }
      claim(sameFrames(await sentFrames(bench, 1), [out]), 'another packet was sent than the table describes');
      await bench.wire.send(into);
      const [{ length }] = await usedBuffers(bench, receive.ring, 1);
      const bytes = await bench.machine.readBytes(address + headerBytes(driver.features), into.length);
      return claim(
        same(bytes, into),
        `a packet sent from a table with the flag; one of ${length} bytes with its header received ${same(bytes, into) ? 'into' : 'beside'} another`,
      );
    },
  },
  ...(['transmit', 'receive'] as const).map((direction): Case => ({
    id: `indirect-after-direct-${direction}`,
    statements: ['split-dev-005'],
    section: '2.7.5.3.2',
    expects: 'a chain may be any number of descriptors and then one that refers to a table',
    card,
    needs: indirectFeature,
    async run(bench) {
      const driver = await bench.start({ receive: { buffers: 0 } });
      const counts = [0, 1, 2, 3];
      for (const direct of counts) {
        const frame = (direction === 'transmit' ? outgoing : incoming)(driver, direct + 1, 300)[direct];
        const work = direction === 'transmit' ? transmitMixed : receiveMixed;
        claim(
          same(await work(bench, driver, frame, direct), frame),
          `${direct} descriptors and a table: another packet`,
        );
      }
      return `packets of ${counts.join(', ')} descriptors and a table`;
    },
  })),
];

/** The used ring (virtio 2.7.8). */
export const usedRingCases: readonly Case[] = [
  {
    id: 'used-length-receive',
    statements: ['split-dev-012', 'split-dev-013'],
    section: '2.7.8.2',
    expects: 'when the used index shows a buffer, its length is there, and so many bytes are written from its start on',
    card,
    async run(bench) {
      const driver = await bench.start({ only: ['VIRTIO_NET_F_MAC'], receive: { buffers: 0 } });
      const { queue } = driver.receivers[0];
      const ring = splitOf(queue);
      await poisonUsedRing(driver.transport, ring);
      const header = headerBytes(driver.features);
      const seen: string[] = [];
      for (const [index, frame] of incoming(driver, 8).entries()) {
        const address = await driver.transport.memory.store(new Uint8Array(receiveBytes).fill(poison));
        const id = await queue.add(pieces(address, [header, 30, 40, receiveBytes - header - 70], true));
        await queue.kick();
        await bench.wire.send(frame);
        await usedIndexAfter(bench, ring, index);
        const used = await usedElement(driver.transport, ring, index);
        const bytes = await bench.machine.readBytes(address, receiveBytes);
        const length = header + frame.length;
        claim(
          used.id === id && used.length === length,
          `entry ${index}: id ${used.id} of ${id}, length ${used.length} of ${length}`,
        );
        claim(same(bytes.slice(header, length), frame), `${length} bytes used, and other bytes in the buffer`);
        const unwritten = [...bytes.slice(0, header).keys()].filter((at) => bytes[at] === poison);
        claim(unwritten.length === 0, `length ${length}, and bytes ${unwritten.join(', ')} of it were not written`);
        seen.push(`${used.length}`);
        await queue.collect();
      }
      return `lengths ${seen.join(', ')}, each with its packet`;
    },
  },
  {
    id: 'used-length-transmit',
    statements: ['split-dev-012', 'split-dev-013'],
    section: '2.7.8.2',
    expects: 'a buffer in which the device can write nothing is used with a length of 0',
    card,
    async run(bench) {
      const driver = await bench.start();
      const { queue } = driver.transmitters[0];
      const ring = splitOf(queue);
      await poisonUsedRing(driver.transport, ring);
      const lengths: number[] = [];
      for (const [index, frame] of outgoing(driver, 4).entries()) {
        await queue.add(await cutPacket(driver, frame, [12]));
        await queue.kick();
        await usedIndexAfter(bench, ring, index);
        lengths.push((await usedElement(driver.transport, ring, index)).length);
      }
      return claim(
        lengths.every((length) => length === 0),
        `packets sent were used with the lengths ${lengths.join(', ')}`,
      );
    },
  },
  {
    id: 'used-length-control',
    statements: ['split-dev-012', 'split-dev-013'],
    section: '2.7.8.2',
    expects:
      'when the used index shows a command, its length is there, and no greater than what was written of the answer',
    card,
    needs: ['VIRTIO_NET_F_CTRL_MAC_ADDR'],
    async run(bench) {
      const driver = await bench.start();
      const { queue } = driver.control!;
      const ring = splitOf(queue);
      await poisonUsedRing(driver.transport, ring);
      const index = await ring.readUsedIndex();
      const { kind, command, data } = commands.setMacAddress(Uint8Array.of(0x52, 0x54, 0, 1, 2, 3));
      const address = await driver.transport.memory.store(Uint8Array.of(kind, command, ...data));
      const reply = await driver.transport.memory.store(new Uint8Array(8).fill(poison));
      await queue.add([...pieces(address, [2, 6]), { address: reply, length: 8, writable: true }]);
      await queue.kick();
      await usedIndexAfter(bench, ring, index);
      const { length } = await usedElement(driver.transport, ring, index);
      const answer = await bench.machine.readBytes(reply, 8);
      const written = [...answer, poison].indexOf(poison);
      return claim(length <= written, `length ${length}, and ${written} bytes of the answer written`);
    },
  },
];

const poison = 0xa5;

async function poisonUsedRing({ card: { machine } }: Transport, ring: SplitRing): Promise<void> {
  await machine.writeBytes(usedElementAt(ring, 0), new Uint8Array(8 * ring.size).fill(poison));
}

/** A packet in memory, as elements of these lengths and one with the rest. */
async function cutPacket(driver: NetDriver, frame: Uint8Array, lengths: readonly number[]): Promise<Element[]> {
  const bytes = packetBytes(driver.features, frame);
  const rest = bytes.length - lengths.reduce((sum, length) => sum + length, 0);
  return pieces(await driver.transport.memory.store(bytes), [...lengths, rest]);
}

/** Sends a packet of direct descriptors and a table, and answers what came out. */
async function transmitMixed(bench: Bench, driver: NetDriver, frame: Uint8Array, direct: number): Promise<Uint8Array> {
  const { queue } = driver.transmitters[0];
  const elements = await cutPacket(driver, frame, [12, 20, 30, 40]);
  await addMixed(driver.transport, queue, elements, direct);
  await queue.kick();
  const [sent] = await sentFrames(bench, 1);
  await usedBuffers(bench, queue.ring, 1);
  return sent;
}

/** Receives a packet in a buffer of direct descriptors and a table, and answers what is there. */
async function receiveMixed(bench: Bench, driver: NetDriver, frame: Uint8Array, direct: number): Promise<Uint8Array> {
  const { queue } = driver.receivers[0];
  const address = await driver.transport.memory.allocate(receiveBytes);
  const elements = pieces(address, [12, 20, 30, 40, receiveBytes - 102], true);
  await addMixed(driver.transport, queue, elements, direct);
  await queue.kick();
  await bench.wire.send(frame);
  await usedBuffers(bench, queue.ring, 1);
  return bench.machine.readBytes(address + headerBytes(driver.features), frame.length);
}

/** Adds a buffer whose first elements have descriptors of the ring, and the others a table that the last of these names. */
async function addMixed(
  transport: Transport,
  queue: Queue,
  elements: readonly Element[],
  direct: number,
): Promise<void> {
  const ring = splitOf(queue);
  const rest = elements.slice(direct);
  const table = rest.flatMap(({ address, length, writable }, i) => {
    const last = i === rest.length - 1;
    const flags = (writable ? descriptorFlag.write : 0) | (last ? 0 : descriptorFlag.next);
    return [...descriptor(address, length, flags, last ? 0 : i + 1)];
  });
  const address = await transport.memory.store(Uint8Array.from(table), descriptorBytes);
  const head = await queue.add([...elements.slice(0, direct), { address, length: table.length, writable: false }]);
  let index = head;
  for (let i = 0; i < direct; i++) index = (await readDescriptor(transport, ring, index)).next;
  await setFlags(transport, ring, index, descriptorFlag.indirect);
}

async function readDescriptor({ card: { machine } }: Transport, ring: SplitRing, index: number) {
  const fields = view(await machine.readBytes(ring.descriptorArea + descriptorBytes * index, descriptorBytes));
  return {
    address: Number(fields.getBigUint64(0, true)),
    length: fields.getUint32(8, true),
    flags: fields.getUint16(12, true),
    next: fields.getUint16(14, true),
  };
}

async function setFlags(transport: Transport, ring: SplitRing, index: number, flags: number): Promise<void> {
  const { address, length } = await readDescriptor(transport, ring, index);
  await ring.writeDescriptor(index, { address, length, writable: false }, flags);
}

/** The bytes of a queue's descriptor table, and of the tables that its descriptors refer to. */
async function tables(transport: Transport, ring: SplitRing): Promise<Uint8Array> {
  const { machine } = transport.card;
  const bytes = [...(await machine.readBytes(ring.descriptorArea, descriptorBytes * ring.size))];
  for (let index = 0; index < ring.size; index++) {
    const { address, length, flags } = await readDescriptor(transport, ring, index);
    if (flags & descriptorFlag.indirect) bytes.push(...(await machine.readBytes(address, length)));
  }
  return Uint8Array.from(bytes);
}
