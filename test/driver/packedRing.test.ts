import { beforeEach, describe, expect, it } from 'vitest';

import { DriverMemory, PackedRing, type Machine } from '../../src/driver/index.js';
import { digits, ramMachine } from './ram.js';

let machine: Machine;
let memory: DriverMemory;

beforeEach(() => {
  machine = ramMachine();
  memory = new DriverMemory(machine);
});

const available = 0x80;
const used = 0x8000;
const element = (address: number, length: number, writable = false) => ({ address, length, writable });
const flags = (ring: PackedRing, at: number): Promise<number> => memory.read16(ring.descriptorArea + 16 * at + 14);
const isAvailable = (value: number, wrap: boolean): boolean =>
  ((value & available) !== 0) === wrap && ((value & used) !== 0) !== wrap;

/** What a device does when it uses a buffer: the descriptor at its place in the ring. */
async function use(ring: PackedRing, at: number, wrap: boolean, id: number, length: number): Promise<void> {
  const start = ring.descriptorArea + 16 * at;
  await memory.write32(start + 8, length);
  await memory.write16(start + 12, id);
  await memory.write16(start + 14, (wrap ? available | used : 0) | (length > 0 ? 2 : 0));
}

describe('a packed ring', () => {
  it('makes a list available by its first descriptor, and only when it is published', async () => {
    const ring = await PackedRing.create(memory, { size: 4 });
    await ring.add([element(0x1122334455, 0x66), element(0x7788, 0x99, true)]);
    expect(isAvailable(await flags(ring, 0), true)).toBe(false);
    expect(await ring.publish()).toBe(true);
    const bytes = digits(await machine.readBytes(ring.descriptorArea, 32));
    expect(bytes).toBe(
      '5544332211000000' + '66000000' + '0000' + '8100' + '8877000000000000' + '99000000' + '0000' + '8200',
    );
    expect([ring.free, ring.outstanding, ring.position]).toEqual([2, 1, 0x8002]);
  });

  it('turns both flags round when it begins again', async () => {
    const ring = await PackedRing.create(memory, { size: 3 });
    for (const [at, wrap] of [
      [0, true],
      [1, true],
      [2, true],
      [0, false],
      [1, false],
      [2, false],
      [0, true],
    ] as const) {
      const id = await ring.add([element(1, 1, true)]);
      expect(isAvailable(await flags(ring, at), wrap)).toBe(false);
      await ring.publish();
      expect(isAvailable(await flags(ring, at), wrap)).toBe(true);
      expect(await ring.collect()).toEqual([]);
      await use(ring, at, wrap, id, 1);
      expect(await ring.collect()).toEqual([{ id, length: 1, writeFlag: true }]);
    }
  });

  it('lets a list go round the end of the ring', async () => {
    const ring = await PackedRing.create(memory, { size: 3 });
    const first = await ring.add([element(1, 1), element(2, 2)]);
    await ring.publish();
    await use(ring, 0, true, first, 0);
    expect(await ring.collect()).toEqual([{ id: first, length: 0, writeFlag: false }]);
    const second = await ring.add([element(1, 1), element(2, 2), element(3, 3)]);
    await ring.publish();
    expect(isAvailable(await flags(ring, 2), true)).toBe(true);
    expect(isAvailable(await flags(ring, 0), false)).toBe(true);
    expect(isAvailable(await flags(ring, 1), false)).toBe(true);
    expect(ring.position).toBe(2);
    await use(ring, 2, true, second, 0);
    expect((await ring.collect()).map(({ id }) => id)).toEqual([second]);
    expect(ring.nextUsed).toEqual({ offset: 2, wrap: false });
    expect(ring.free).toBe(3);
  });

  it('finds buffers that were used in another order', async () => {
    const ring = await PackedRing.create(memory, { size: 4 });
    const ids = [await ring.add([element(1, 1)]), await ring.add([element(2, 2), element(3, 3, true)])];
    await ring.publish();
    await use(ring, 0, true, ids[1], 3);
    await use(ring, 2, true, ids[0], 0);
    expect((await ring.collect()).map(({ id }) => id)).toEqual([ids[1], ids[0]]);
  });

  it('takes one used descriptor for all buffers up to it when the device works in order', async () => {
    const ring = await PackedRing.create(memory, { size: 4, inOrder: true });
    const ids = [await ring.add([element(1, 5, true)]), await ring.add([element(2, 2), element(3, 7, true)])];
    await ring.publish();
    await use(ring, 0, true, ids[1], 3);
    expect((await ring.collect()).map(({ id, length }) => [id, length])).toEqual([
      [ids[0], 5],
      [ids[1], 3],
    ]);
    expect(ring.nextUsed).toEqual({ offset: 3, wrap: true });
  });

  it('notices a device that gives back what it was not given', async () => {
    const ring = await PackedRing.create(memory, { size: 4 });
    await ring.add([element(1, 1)]);
    await ring.publish();
    await use(ring, 0, true, 3, 0);
    await expect(ring.collect()).rejects.toThrow('buffer 3, which it was not given');
  });

  it('puts an indirect buffer into a table without next flags', async () => {
    const ring = await PackedRing.create(memory, { size: 4 });
    await ring.add([element(0x10, 1), element(0x30, 3, true)], { indirect: true });
    await ring.publish();
    const table = await memory.read32(ring.descriptorArea);
    expect(await flags(ring, 0)).toBe(available | 4);
    expect(digits(await machine.readBytes(table, 32))).toBe(
      '1000000000000000' + '01000000' + '0000' + '0000' + '3000000000000000' + '03000000' + '0000' + '0200',
    );
  });
});

describe('notification of a packed ring', () => {
  it.each([
    // The device's event flags, offset and wrap; buffers published before and then: whether the device wants to know.
    [0, 0, 0, 0, 1, true],
    [1, 0, 0, 0, 1, false],
    [2, 0, 1, 0, 1, true],
    [2, 1, 1, 0, 1, false],
    [2, 1, 1, 0, 2, true],
    [2, 0, 1, 1, 1, false],
    [2, 0, 0, 2, 2, true],
    [2, 0, 0, 2, 1, false],
    [2, 2, 0, 2, 2, false],
  ])('with flags %i at %i, wrap %i, from %i on by %i: %s', async (event, offset, wrap, before, count, wanted) => {
    const ring = await PackedRing.create(memory, { size: 3, eventIndex: true });
    for (let i = 0; i < before; i++) await ring.add([element(1, 1)]);
    await ring.publish();
    for (let i = 0; i < before; i++) await use(ring, i, true, i, 0);
    await ring.collect();
    await memory.write32(ring.deviceArea, offset + wrap * 0x8000 + event * 0x10000);
    for (let i = 0; i < count; i++) await ring.add([element(1, 1)]);
    expect(await ring.publish()).toBe(wanted);
  });

  it('asks for the next interrupt, a later one or none', async () => {
    const ring = await PackedRing.create(memory, { size: 3, eventIndex: true });
    await ring.wantInterrupts('always');
    expect(await memory.read32(ring.driverArea)).toBe(0x28000);
    await ring.wantInterrupts({ after: 4 });
    expect(await memory.read32(ring.driverArea)).toBe(0x20000);
    await ring.wantInterrupts('never');
    expect(await memory.read32(ring.driverArea)).toBe(0x10000);
    const plain = await PackedRing.create(memory, { size: 3 });
    await plain.wantInterrupts('always');
    expect(await memory.read32(plain.driverArea)).toBe(0);
  });
});
