import { beforeEach, describe, expect, it } from 'vitest';

import { DriverMemory, SplitRing, type Machine } from '../../src/driver/index.js';
import { digits, ramMachine } from './ram.js';

let machine: Machine;
let memory: DriverMemory;

beforeEach(() => {
  machine = ramMachine();
  memory = new DriverMemory(machine);
});

const read = async (address: number, length: number): Promise<string> =>
  digits(await machine.readBytes(address, length));
const element = (address: number, length: number, writable = false) => ({ address, length, writable });

/** What a device does when it uses a buffer. */
async function use(ring: SplitRing, index: number, id: number, length: number): Promise<void> {
  await memory.write32(ring.deviceArea + 4 + 8 * (index % ring.size), id);
  await memory.write32(ring.deviceArea + 8 + 8 * (index % ring.size), length);
  await memory.write16(ring.deviceArea + 2, (index + 1) & 0xffff);
}

describe('a split ring', () => {
  it('writes a chain as 2.7.5 has it, and shows it when it is published', async () => {
    const ring = await SplitRing.create(memory, { size: 4 });
    const id = await ring.add([element(0x1122334455, 0x66), element(0x7788, 0x99, true)]);
    expect(id).toBe(0);
    expect(await read(ring.descriptorArea, 32)).toBe(
      '5544332211000000' + '66000000' + '0100' + '0100' + '8877000000000000' + '99000000' + '0200' + '0000',
    );
    expect(await read(ring.driverArea, 6)).toBe('0000' + '0000' + '0000');
    expect(await ring.publish()).toBe(true);
    expect(await read(ring.driverArea, 6)).toBe('0000' + '0100' + '0000');
    expect([ring.free, ring.outstanding, ring.position]).toEqual([2, 1, 1]);
  });

  it('puts an indirect buffer into a table of its own', async () => {
    const ring = await SplitRing.create(memory, { size: 4 });
    await ring.add([element(0x10, 1), element(0x20, 2), element(0x30, 3, true)], { indirect: true });
    const table = await memory.read32(ring.descriptorArea);
    expect(await read(ring.descriptorArea + 8, 8)).toBe('30000000' + '0400' + '0000');
    expect(await read(table + 8, 8)).toBe('01000000' + '0100' + '0100');
    expect(await read(table + 24, 8)).toBe('02000000' + '0100' + '0200');
    expect(await read(table + 40, 8)).toBe('03000000' + '0200' + '0000');
    expect(ring.free).toBe(3);
  });

  it('collects what was used in any order, and has its descriptors again', async () => {
    const ring = await SplitRing.create(memory, { size: 4 });
    const ids = [await ring.add([element(1, 1), element(2, 2)]), await ring.add([element(3, 3, true)])];
    await ring.publish();
    await use(ring, 0, ids[1], 3);
    await use(ring, 1, ids[0], 0);
    expect(await ring.collect()).toEqual([
      { id: ids[1], length: 3 },
      { id: ids[0], length: 0 },
    ]);
    expect([ring.free, ring.outstanding]).toEqual([4, 0]);
    expect(await ring.collect()).toEqual([]);
  });

  it('takes one used entry for all buffers up to it when the device works in order', async () => {
    const ring = await SplitRing.create(memory, { size: 4, inOrder: true });
    const ids = [
      await ring.add([element(1, 7, true)]),
      await ring.add([element(3, 9, true)]),
      await ring.add([element(5, 1)]),
    ];
    await ring.publish();
    await use(ring, 0, ids[1], 5);
    await memory.write16(ring.deviceArea + 2, 2);
    expect(await ring.collect()).toEqual([
      { id: ids[0], length: 7 },
      { id: ids[1], length: 5 },
    ]);
    await use(ring, 2, ids[2], 0);
    expect(await ring.collect()).toEqual([{ id: ids[2], length: 0 }]);
  });

  it('notices a device that gives back what it was not given', async () => {
    const ring = await SplitRing.create(memory, { size: 4 });
    await ring.add([element(1, 1)]);
    await ring.publish();
    await use(ring, 0, 3, 0);
    await expect(ring.collect()).rejects.toThrow('buffer 3, which it was not given');
    await memory.write16(ring.deviceArea + 2, 2);
    await expect(ring.collect()).rejects.toThrow('went on by 2, and the device had 1');
  });

  it('says how much it has', async () => {
    const ring = await SplitRing.create(memory, { size: 2 });
    await expect(ring.add([element(1, 1), element(2, 2), element(3, 3)])).rejects.toThrow(
      '3 descriptors are needed, 2 are free',
    );
  });

  it('lies in one piece with the used ring on a page of its own for a legacy device', async () => {
    const ring = await SplitRing.create(memory, { size: 256, legacy: true });
    expect(ring.descriptorArea % 4096).toBe(0);
    expect([ring.driverArea, ring.deviceArea].map((area) => area - ring.descriptorArea)).toEqual([4096, 8192]);
  });
});

describe('notification of a split ring', () => {
  it('follows the device flag without the event index', async () => {
    const ring = await SplitRing.create(memory, { size: 4 });
    await memory.write16(ring.deviceArea, 1);
    await ring.add([element(1, 1)]);
    expect(await ring.publish()).toBe(false);
    await ring.wantInterrupts('never');
    expect(await memory.read16(ring.driverArea)).toBe(1);
    await ring.wantInterrupts('always');
    expect(await memory.read16(ring.driverArea)).toBe(0);
  });

  it.each([
    // avail_event, index before, buffers added: whether the index passes avail_event + 1
    [0, 0, 1, true],
    [1, 0, 1, false],
    [1, 0, 2, true],
    [0xffff, 0, 1, false],
    [0xffff, 0xffff, 1, true],
    [0xffff, 0xfffe, 3, true],
    [0, 0xfffe, 2, false],
  ])('with event %i, from index %i on by %i: %s', async (event, before, count, wanted) => {
    const ring = await SplitRing.create(memory, { size: 4, eventIndex: true });
    ring.availableIndex = before;
    await ring.setAvailableIndex(before);
    await memory.write16(ring.deviceArea + 4 + 8 * 4, event);
    for (let i = 0; i < count; i++) await ring.add([element(1, 1)]);
    expect(await ring.publish()).toBe(wanted);
  });

  it('asks for the next interrupt, a later one or none with the event index', async () => {
    const ring = await SplitRing.create(memory, { size: 4, eventIndex: true });
    const event = ring.driverArea + 4 + 2 * 4;
    ring.usedIndex = 0xffff;
    await memory.write16(ring.deviceArea + 2, 0xffff);
    expect(await ring.wantInterrupts('always')).toBe(false);
    expect(await memory.read16(event)).toBe(0xffff);
    await ring.wantInterrupts({ after: 3 });
    expect(await memory.read16(event)).toBe(1);
    await ring.wantInterrupts('never');
    expect(await memory.read16(event)).toBe(0x7fff);
    await memory.write16(ring.deviceArea + 2, 0);
    expect(await ring.wantInterrupts('always')).toBe(true);
  });
});
