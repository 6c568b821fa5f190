import { describe, expect, it } from 'vitest';

import {
  DriverMemory,
  LocalMemory,
  localRing,
  LocalTables,
  PackedRing,
  ringPlace,
  SplitRing,
  type Element,
  type LocalRing,
  type Machine,
} from '../../../src/driver/index.js';
import { ramMachine } from '../ram.js';

/** Two machines alike: one for the asynchronous ring, the other for the one in this process. */
async function rings(layout: 'split' | 'packed', size: number, eventIndex = false) {
  const Ring = layout === 'split' ? SplitRing : PackedRing;
  const machine = ramMachine();
  const ring = await Ring.create(new DriverMemory(machine), { size, eventIndex });
  const memory = new LocalMemory(new Uint8Array(new SharedArrayBuffer(machine.ram.end)));
  const tables = { address: 0x8000, entries: 4 };
  const direct = localRing(memory, ringPlace(ring), { eventIndex });
  const indirect = localRing(memory, ringPlace(ring), { eventIndex, tables });
  return { machine, ring, memory, direct, indirect };
}

function parts(...elements: readonly Element[]): Uint32Array {
  return Uint32Array.from(elements.flatMap(({ address, length }) => [Number(address), length]));
}

async function area(machine: Machine, address: number, length: number): Promise<number[]> {
  return [...(await machine.readBytes(address, length))];
}

describe.each(['split', 'packed'] as const)('a %s ring in this process', (layout) => {
  const chains: Element[][] = [
    [{ address: 0x1000, length: 0x66, writable: false }],
    [
      { address: 0x2000, length: 12, writable: true },
      { address: 0x87654321, length: 0x20000, writable: true },
    ],
    [1, 2, 3].map((i) => ({ address: 0x1000 * i, length: i, writable: false })),
  ];

  it('writes what the asynchronous one writes', async () => {
    const { machine, ring, memory, direct } = await rings(layout, 8, true);
    for (const chain of chains) {
      expect(direct.add(parts(...chain), chain.length, chain[0].writable)).toBe(await ring.add(chain));
    }
    expect(direct.publish()).toBe(await ring.publish());
    expect(direct.wantInterrupts({ after: 3 })).toBe(await ring.wantInterrupts({ after: 3 }));
    expect([direct.free, direct.outstanding, direct.position]).toEqual([ring.free, ring.outstanding, ring.position]);
    const end = ring.deviceArea + 128;
    const start = machine.ram.start;
    expect([...memory.bytes.subarray(start, end)]).toEqual(await area(machine, start, end - start));
  });

  it('puts buffers of several parts into tables, when it was given some', async () => {
    const { machine, ring, memory, indirect } = await rings(layout, 8);
    for (const [id, chain] of chains.entries()) {
      expect(indirect.add(parts(...chain), chain.length, chain[0].writable)).toBe(id);
      const count = chain.length;
      expect(await ring.add(chain, { indirect: count > 1 })).toBe(id);
      if (count === 1) continue;
      // Both tables say the same; they lie elsewhere.
      const theirs = new DataView((await machine.readBytes(ring.descriptorArea + 16 * id, 8)).buffer).getUint32(
        0,
        true,
      );
      const ours = memory.words32[(ring.descriptorArea + 16 * id) / 4];
      expect(ours).toBe(0x8000 + 64 * id);
      expect([...memory.bytes.subarray(ours, ours + 16 * count)]).toEqual(await area(machine, theirs, 16 * count));
      memory.words32[(ring.descriptorArea + 16 * id) / 4] = theirs;
    }
    expect(indirect.free).toBe(5);
    indirect.publish();
    await ring.publish();
    const length = 16 * 8;
    const at = ring.descriptorArea;
    expect([...memory.bytes.subarray(at, at + length)]).toEqual(await area(machine, at, length));
  });

  it('has room for as many descriptors as it has, and no more', async () => {
    const { direct } = await rings(layout, 4);
    const pair = parts(...chains[1]);
    expect(direct.add(pair, 2, false)).toBeGreaterThanOrEqual(0);
    expect(direct.add(parts(...chains[2]), 3, false)).toBe(-1);
    expect(direct.add(pair, 2, false)).toBeGreaterThanOrEqual(0);
    expect(direct.add(pair, 1, false)).toBe(-1);
    expect([direct.free, direct.outstanding]).toEqual([0, 2]);
  });

  it('finds out that the device gives back what it was not given', async () => {
    const { direct, memory } = await rings(layout, 4);
    const id = direct.add(parts(...chains[0]), 1, false);
    direct.publish();
    expect(direct.take()).toBe(-1);
    use(direct, memory, 0, id + 1, 0);
    expect(() => direct.take()).toThrow(`the device used buffer ${id + 1}, which it was not given`);
  });

  it('goes round and round, with buffers coming back in any order', async () => {
    const { direct, memory } = await rings(layout, 4);
    const held: number[] = [];
    let back = 0;
    for (let i = 0; i < 200; i++) {
      while (direct.free > 0) held.push(direct.add(parts(...chains[0]), 1, true));
      direct.publish();
      const [id] = held.splice((i * 7) % held.length, 1);
      use(direct, memory, back++, id, i);
      expect(direct.take()).toBe(id);
      expect(direct.written).toBe(i);
      expect(direct.take()).toBe(-1);
      expect(direct.outstanding).toBe(held.length);
    }
  });
});

it('wants tables where words are', () => {
  expect(() => new LocalTables({ address: 2, entries: 1 })).toThrow('tables at 0x2 are not aligned to 4 bytes');
});

it('finds out that a split ring was given back more than it had', async () => {
  const { direct, memory } = await rings('split', 4);
  memory.words16[direct.place.deviceArea / 2 + 1] = 3;
  expect(() => direct.take()).toThrow('the used index went on by 3, and the device had 0 buffers');
});

/** What a device does that uses its `turn`th buffer, each of one descriptor. */
function use({ place }: LocalRing, memory: LocalMemory, turn: number, id: number, length: number): void {
  const { size, layout } = place;
  if (layout === 'packed') {
    const at = place.descriptorArea / 4 + 4 * (turn % size);
    memory.words32[at + 2] = length;
    memory.words32[at + 3] = id | (Math.floor(turn / size) % 2 === 0 ? 0x80800000 : 0);
  } else {
    const at = place.deviceArea / 4 + 1 + 2 * (turn % size);
    memory.words32[at] = id;
    memory.words32[at + 1] = length;
    memory.words16[place.deviceArea / 2 + 1] = turn + 1;
  }
}
