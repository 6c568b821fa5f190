import {
  descriptorBytes,
  descriptorFlag,
  PackedRing,
  SplitRing,
  TimeoutError,
  until,
  type DriverRing,
  type Element,
  type NetDriver,
  type Queue,
  type Transport,
} from '../../driver/index.js';
import { view } from '../../driver/memory.js';
import type { Bench } from './bench.js';
import { packetBytes } from './exchange.js';

/** Elements that lie one behind the other from an address on. */
export function pieces(address: number, lengths: readonly number[], writable = false): Element[] {
  let at = address;
  return lengths.map((length) => {
    const element = { address: at, length, writable };
    at += length;
    return element;
  });
}

/** Puts a frame behind an empty header into memory of its own, as one element. */
export async function storePacket({ features, transport }: NetDriver, frame: Uint8Array): Promise<Element> {
  const bytes = packetBytes(features, frame);
  return { address: await transport.memory.store(bytes), length: bytes.length, writable: false };
}

/** The ring of a queue that was set up as a split one. */
export function splitOf({ ring }: Queue): SplitRing {
  if (!(ring instanceof SplitRing)) throw new TypeError('not a split ring');
  return ring;
}

/** The same of a packed one. */
export function packedOf({ ring }: Queue): PackedRing {
  if (!(ring instanceof PackedRing)) throw new TypeError('not a packed ring');
  return ring;
}

/** An entry of a split ring's used ring, as it is there now. */
export async function usedElement(
  { card }: Transport,
  ring: SplitRing,
  index: number,
): Promise<{ id: number; length: number }> {
  const fields = view(await card.machine.readBytes(usedElementAt(ring, index), 8));
  return { id: fields.getUint32(0, true), length: fields.getUint32(4, true) };
}

/** Where an entry of the used ring is. */
export const usedElementAt = (ring: SplitRing, index: number): number => ring.deviceArea + 4 + 8 * (index % ring.size);

/** A descriptor of a packed ring in its first round, as it is there now. */
export async function packedDescriptor({ card }: Transport, ring: PackedRing, place: number) {
  const bytes = await card.machine.readBytes(ring.descriptorArea + descriptorBytes * place, descriptorBytes);
  const fields = view(bytes);
  const flags = fields.getUint16(14, true);
  const both = flags & (descriptorFlag.available | descriptorFlag.used);
  return {
    bytes,
    id: fields.getUint16(12, true),
    length: fields.getUint32(8, true),
    marked: both === (descriptorFlag.available | descriptorFlag.used) ? 'used' : both === 0 ? 'empty' : 'available',
  };
}

/** Waits until the used index is at least `count` behind where it was, and answers it. @throws TimeoutError */
export function usedIndexAfter(bench: Bench, ring: SplitRing, before: number, count = 1): Promise<number> {
  return until(bench.machine, `used buffer ${before + count}`, async () => {
    const index = await ring.readUsedIndex();
    return ((index - before) & 0xffff) >= count ? index : undefined;
  });
}

/** Waits for so many used buffers. @throws TimeoutError */
export async function usedBuffers(bench: Bench, ring: DriverRing, count: number): ReturnType<DriverRing['collect']> {
  const used: Awaited<ReturnType<DriverRing['collect']>> = [];
  return until(bench.machine, `${count} used buffers`, async () => {
    used.push(...(await ring.collect()));
    return used.length >= count ? used : undefined;
  });
}

/** Waits for an interrupt of the queue. Answers false when none comes. */
export function interrupted(bench: Bench, driver: NetDriver, queue: Queue): Promise<boolean> {
  return becomes(bench, async () => (await driver.interrupts()).queues.includes(queue));
}

/** Gives the card time, and answers whether the queue interrupted meanwhile. */
export async function interruptedMeanwhile(bench: Bench, driver: NetDriver, queue: Queue): Promise<boolean> {
  await bench.quiet();
  return (await driver.interrupts()).queues.includes(queue);
}

/** Whether something becomes so before the machine's patience ends. */
export async function becomes(bench: Bench, check: () => Promise<boolean>): Promise<boolean> {
  try {
    return await until(bench.machine, 'change', async () => ((await check()) ? true : undefined));
  } catch (error) {
    if (error instanceof TimeoutError) return false;
    throw error;
  }
}

/** What a driver's memory held at a moment: rings, buffers, and the words for interrupt messages. */
export class MemoryImage {
  private readonly transport: Transport;
  private readonly bytes: Uint8Array;

  private constructor(transport: Transport, bytes: Uint8Array) {
    this.transport = transport;
    this.bytes = bytes;
  }

  static async take(transport: Transport): Promise<MemoryImage> {
    // What is allocated last lies behind everything else.
    const { start } = transport.card.machine.ram;
    const end = await transport.memory.allocate(1, 4096);
    return new MemoryImage(transport, await transport.card.machine.readBytes(start, end - start));
  }

  /** Addresses of the bytes that are otherwise now. */
  async changes(): Promise<number[]> {
    const { machine } = this.transport.card;
    const now = await machine.readBytes(machine.ram.start, this.bytes.length);
    return [...now.keys()].filter((at) => now[at] !== this.bytes[at]).map((at) => machine.ram.start + at);
  }
}
