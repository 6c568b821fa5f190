import { describe, expect, it } from 'vitest';
import { PackedQueue } from '../../src/virtio/packed.js';
import { DriverFault, type DriverRule } from '../../src/virtio/rules.js';
import { TestMemory } from '../support/memory.js';
import { allocatePackedRing, packedFlag, writePackedDescriptor } from '../support/packedDriver.js';

const { next, write, indirect, available, used } = packedFlag;
const beyond = 0x40000;

interface Descriptor {
  address?: number | bigint;
  length?: number;
  flags?: number;
}

/** A queue of 4 whose ring holds these descriptors, available but for the flags that are given. */
function queueOf(descriptors: Descriptor[], options: { indirect?: boolean; eventIndex?: boolean } = {}) {
  const memory = new TestMemory();
  const addresses = allocatePackedRing(memory, 4);
  const fill = (table: number, rows: Descriptor[]): void => {
    rows.forEach((row, i) => writePackedDescriptor(memory, table, i, { address: 0x100, length: 1, flags: 0, ...row }));
  };
  fill(
    addresses.descriptorArea,
    descriptors.map((row) => ({ ...row, flags: (row.flags ?? 0) ^ available })),
  );
  const queue = new PackedQueue({ index: 5, size: 4, ...addresses }, memory, {
    indirect: true,
    eventIndex: false,
    ...options,
  });
  return { memory, queue, fill, ring: addresses.descriptorArea };
}

function faultOf(work: () => unknown): DriverFault | undefined {
  try {
    work();
  } catch (error) {
    if (error instanceof DriverFault) return error;
    throw error;
  }
  return undefined;
}

describe('a packed queue finds the rule that was broken:', () => {
  const cases: [what: string, rule: DriverRule, descriptors: Descriptor[]][] = [
    ['a list whose end is not available', 'list-incomplete', [{ flags: next }, { flags: available }]],
    ['a list whose end is used', 'list-incomplete', [{ flags: next }, { flags: used }]],
    ['a list of more than the ring', 'available-index', [1, 2, 3, 4].map(() => ({ flags: next }))],
    ['a buffer that ends behind memory', 'descriptor-address', [{ address: beyond - 1, length: 2 }]],
    ['a buffer that starts behind memory', 'descriptor-address', [{ address: beyond + 1, length: 0 }]],
    ['a buffer above 4 GiB', 'descriptor-address', [{ address: 0x1_0000_0100n }]],
    ['a buffer that wraps around 2^64', 'descriptor-address', [{ address: 0xffff_ffff_ffff_ff00n, length: 0x200 }]],
    ['the longest length there is', 'descriptor-address', [{ address: 0, length: 0xffffffff }]],
    ['readable behind writable', 'descriptor-order', [{ flags: write | next }, {}]],
    ['an indirect table with more behind it', 'indirect-next', [{ flags: indirect | next, length: 16 }, {}]],
    ['an indirect table at the end of a list', 'indirect-in-list', [{ flags: next }, { flags: indirect, length: 16 }]],
    ['an empty indirect table', 'indirect-length', [{ flags: indirect, length: 0 }]],
    ['an indirect table of one and a half', 'indirect-length', [{ flags: indirect, length: 24 }]],
    ['an indirect table beyond memory', 'descriptor-address', [{ flags: indirect, address: beyond - 16, length: 32 }]],
    ['an indirect table longer than the queue', 'descriptor-loop', [{ flags: indirect, address: 0x2000, length: 80 }]],
  ];
  for (const [what, rule, descriptors] of cases) {
    it(what, () => {
      const { memory, queue } = queueOf(descriptors);
      expect(memory.watch(() => faultOf(() => queue.next()))).toMatchObject({ rule, queue: 5 });
    });
  }

  it('an indirect table that was not negotiated', () => {
    const { queue } = queueOf([{ flags: indirect, length: 16 }], { indirect: false });
    expect(faultOf(() => queue.next())?.rule).toBe('indirect-not-negotiated');
  });

  it('a buffer beyond memory, and readable behind writable, in an indirect table', () => {
    for (const [rows, rule] of [
      [[{ address: beyond }], 'descriptor-address'],
      [[{ flags: write }, {}], 'descriptor-order'],
    ] as const) {
      const { queue, fill } = queueOf([{ flags: indirect, address: 0x2000, length: 16 * rows.length }]);
      fill(0x2000, [...rows]);
      expect(faultOf(() => queue.next())?.rule).toBe(rule);
    }
  });

  it('an indirect table that is its own ring: it is no loop, for no table leads to another', () => {
    const { queue, fill, ring } = queueOf([]);
    fill(ring, [{ flags: indirect | available, address: ring, length: 64 }]);
    expect(queue.next()).toMatchObject({ count: 4 });
  });

  it('a descriptor that is made available again while the device has it', () => {
    const { queue, fill, ring } = queueOf([{}, {}, {}, {}]);
    const chains = [0, 1, 2, 3].map(() => queue.next());
    expect(chains.every((chain) => chain)).toBe(true);
    expect(queue.next()).toBeUndefined();
    fill(ring, [{ flags: used }]);
    expect(faultOf(() => queue.next())?.rule).toBe('available-index');
  });

  it('a list over descriptors that the device has', () => {
    const { queue, fill, ring } = queueOf([{}, {}, {}, { flags: next }]);
    for (let i = 0; i < 3; i++) queue.next();
    fill(ring, [{ flags: used }]);
    expect(faultOf(() => queue.next())?.rule).toBe('available-index');
  });

  it('more than 2^32 bytes in all', () => {
    const { memory } = queueOf([]);
    const { bytes, words16, words32, data } = memory;
    const large = { size: 2 ** 32, bytes, words16, words32, data, slice: () => bytes, written: () => undefined };
    const addresses = allocatePackedRing(memory, 4);
    [2 ** 31, 2 ** 31, 1].forEach((length, i) => {
      const flags = available | write | (i < 2 ? next : 0);
      writePackedDescriptor(memory, addresses.descriptorArea, i, { address: 0, length, flags });
    });
    const queue = new PackedQueue({ index: 0, size: 4, ...addresses }, large, { indirect: false, eventIndex: false });
    expect(faultOf(() => queue.next())?.rule).toBe('chain-length');
  });
});

describe('a packed queue of which a rule was broken', () => {
  it('gives nothing more, asks for nothing, and writes nothing', () => {
    const { memory, queue } = queueOf([{ address: beyond }, {}]);
    memory.watch(() => expect(faultOf(() => queue.next())).toBeDefined());
    const before = memory.bytes.slice();
    expect(queue.next()).toBeUndefined();
    expect(queue.wantNotifications(true)).toBe(false);
    expect(queue.publish()).toBe(false);
    expect(Buffer.compare(memory.bytes, before)).toBe(0);
  });
});

describe('a packed queue is not set up', () => {
  const memory = new TestMemory();
  const good = { index: 2, size: 8, descriptorArea: 0x1000, driverArea: 0x2000, deviceArea: 0x3000 };
  const options = { indirect: false, eventIndex: false };
  const cases: [what: string, rule: DriverRule, change: Partial<typeof good>][] = [
    ['of size 0', 'queue-size', { size: 0 }],
    ['of more than 32768 entries', 'queue-size', { size: 32769 }],
    ['with a ring not aligned to 16', 'ring-alignment', { descriptorArea: 0x1008 }],
    ['with a driver area not aligned to 4', 'ring-alignment', { driverArea: 0x2002 }],
    ['with a device area not aligned to 4', 'ring-alignment', { deviceArea: 0x3002 }],
    ['with a ring beyond memory', 'ring-address', { descriptorArea: beyond - 16 * 8 + 16 }],
    ['with a driver area beyond memory', 'ring-address', { driverArea: beyond }],
    ['with a device area beyond memory', 'ring-address', { deviceArea: beyond }],
    ['with a ring above 4 GiB', 'ring-address', { descriptorArea: 2 ** 32 + 0x1000 }],
    ['with a ring at the end of 64 bits', 'ring-address', { deviceArea: 2 ** 64 - 2048 }],
  ];
  for (const [what, rule, change] of cases) {
    it(what, () => {
      const fault = faultOf(() => new PackedQueue({ ...good, ...change }, memory, options));
      expect(fault).toMatchObject({ rule, queue: 2 });
    });
  }

  it('but it is at the very end of memory, of a size that is no power of two', () => {
    const setup = { ...good, size: 7, descriptorArea: beyond - 112, driverArea: beyond - 4, deviceArea: beyond - 4 };
    expect(() => new PackedQueue(setup, memory, options)).not.toThrow();
  });
});
