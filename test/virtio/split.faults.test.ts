import { describe, expect, it } from 'vitest';
import { DriverFault, type DriverRule } from '../../src/virtio/rules.js';
import { SplitQueue } from '../../src/virtio/split.js';
import { TestMemory } from '../support/memory.js';
import {
  descriptorFlag,
  NaiveDriver,
  writeDescriptor,
  type Element,
  type IndirectTable,
} from '../support/naiveDriver.js';

const { next, write, indirect } = descriptorFlag;

interface Descriptor {
  address?: number | bigint;
  length?: number;
  flags?: number;
  next?: number;
}

/** A queue of 4 whose table holds these descriptors, of which those with these heads are available. */
function queueOf(descriptors: Descriptor[], heads = [0], negotiated = true) {
  const memory = new TestMemory();
  const driver = new NaiveDriver(memory, 4);
  const fill = (table: number, rows: Descriptor[]): void => {
    rows.forEach((row, i) => writeDescriptor(memory, table, i, { address: 0x100, length: 1, flags: 0, ...row }));
  };
  fill(driver.addresses.descriptorArea, descriptors);
  driver.offer(...heads);
  const setup = { index: 5, size: 4, ...driver.addresses };
  const queue = new SplitQueue(setup, memory, { indirect: negotiated, eventIndex: false });
  return { memory, driver, queue, fill };
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

const beyond = 0x40000;

describe('a split queue finds the rule that was broken:', () => {
  const cases: [what: string, rule: DriverRule, descriptors: Descriptor[], heads?: number[]][] = [
    ['a head beyond the table', 'descriptor-index', [{}], [4]],
    ['a next descriptor beyond the table', 'descriptor-index', [{ flags: next, next: 4 }]],
    ['a descriptor that follows itself', 'descriptor-loop', [{ flags: next, next: 0 }]],
    ['a loop of many', 'descriptor-loop', [1, 2, 3, 1].map((to) => ({ flags: next, next: to }))],
    ['a buffer that ends behind memory', 'descriptor-address', [{ address: beyond - 1, length: 2 }]],
    ['a buffer that starts behind memory', 'descriptor-address', [{ address: beyond + 1, length: 0 }]],
    ['a buffer above 4 GiB', 'descriptor-address', [{ address: 0x1_0000_0100n }]],
    ['a buffer that wraps around 2^64', 'descriptor-address', [{ address: 0xffff_ffff_ffff_ff00n, length: 0x200 }]],
    ['the last address there is', 'descriptor-address', [{ address: 0xffff_ffff_ffff_ffffn, length: 1 }]],
    ['the longest length there is', 'descriptor-address', [{ address: 0, length: 0xffffffff }]],
    ['readable behind writable', 'descriptor-order', [{ flags: write | next, next: 1 }, {}]],
    ['an indirect table with more behind it', 'indirect-next', [{ flags: indirect | next, next: 1, length: 16 }]],
    ['an empty indirect table', 'indirect-length', [{ flags: indirect, length: 0 }]],
    ['an indirect table of one and a half', 'indirect-length', [{ flags: indirect, length: 24 }]],
    ['an indirect table beyond memory', 'descriptor-address', [{ flags: indirect, address: beyond - 16, length: 32 }]],
  ];
  for (const [what, rule, descriptors, heads] of cases) {
    it(what, () => {
      const { queue } = queueOf(descriptors, heads);
      const fault = faultOf(() => queue.next());
      expect(fault).toMatchObject({ rule, queue: 5 });
    });
  }

  it('an indirect table that was not negotiated', () => {
    const { queue } = queueOf([{ flags: indirect, length: 16 }], [0], false);
    expect(faultOf(() => queue.next())?.rule).toBe('indirect-not-negotiated');
  });

  it('an indirect table in an indirect table', () => {
    const { memory, queue, fill } = queueOf([{ flags: indirect, address: 0x2000, length: 32 }]);
    fill(0x2000, [
      { flags: next, next: 1 },
      { flags: indirect, address: 0x2000, length: 16 },
    ]);
    expect(memory.watch(() => faultOf(() => queue.next()))?.rule).toBe('indirect-nested');
  });

  it("an indirect table that is the queue's own", () => {
    const { driver, queue, fill } = queueOf([]);
    const own = driver.addresses.descriptorArea;
    fill(own, [{ flags: indirect, address: own, length: 64 }]);
    expect(faultOf(() => queue.next())?.rule).toBe('indirect-nested');
  });

  it('an index beyond an indirect table, and a loop in one', () => {
    for (const [to, rule] of [
      [2, 'descriptor-index'],
      [0, 'descriptor-loop'],
    ] as const) {
      const { queue, fill } = queueOf([{ flags: indirect, address: 0x2000, length: 32 }]);
      fill(0x2000, [
        { flags: next, next: 1 },
        { flags: next, next: to },
      ]);
      expect(faultOf(() => queue.next())?.rule).toBe(rule);
    }
  });

  it('an indirect chain longer than the queue', () => {
    const { queue, fill } = queueOf([{ flags: indirect, address: 0x2000, length: 80 }]);
    fill(
      0x2000,
      [1, 2, 3, 4, 0].map((to) => ({ flags: to && next, next: to })),
    );
    expect(faultOf(() => queue.next())?.rule).toBe('descriptor-loop');
  });

  it('more than 2^32 bytes in all, wherever they are described', () => {
    const memory = new TestMemory();
    const { bytes, words16, words32, data } = memory;
    const large = { size: 2 ** 32, bytes, words16, words32, data, slice: () => bytes, written: () => undefined };
    const queueFor = (elements: Element[], indirect?: IndirectTable): SplitQueue => {
      const driver = new NaiveDriver(memory, 4);
      driver.add(elements, indirect);
      return new SplitQueue({ index: 0, size: 4, ...driver.addresses }, large, { indirect: true, eventIndex: false });
    };
    const half = { address: 0, length: 2 ** 31, writable: false };
    const byte = { address: 0, length: 1, writable: true };
    expect(queueFor([half, half]).next()).toMatchObject({ readableLength: 2 ** 32 });
    expect(faultOf(() => queueFor([half, half, byte]).next())?.rule).toBe('chain-length');
    const table = memory.allocate(64);
    expect(faultOf(() => queueFor([half, half, byte], { table, direct: 1 }).next())?.rule).toBe('chain-length');
  });

  it('more buffers than descriptors, at once or with those that are held', () => {
    const { driver, queue } = queueOf([{}], [0, 0, 0, 0]);
    for (let i = 0; i < 4; i++) expect(queue.next()).toBeDefined();
    driver.offer(0);
    expect(faultOf(() => queue.next())?.rule).toBe('available-index');
    const { queue: other } = queueOf([{}], [0, 0, 0, 0, 0]);
    expect(faultOf(() => other.next())?.rule).toBe('available-index');
  });

  it('an available index that goes back', () => {
    const { driver, memory, queue } = queueOf([{}], [0, 0]);
    queue.next();
    queue.next();
    memory.view.setUint16(driver.addresses.driverArea + 2, 1, true);
    expect(faultOf(() => queue.next())?.rule).toBe('available-index');
  });
});

describe('a split queue of which a rule was broken', () => {
  it('gives nothing more, asks for nothing, and writes nothing', () => {
    const { memory, driver, queue } = queueOf([{ address: beyond }, {}], [0, 1]);
    memory.watch(() => expect(faultOf(() => queue.next())).toBeDefined());
    const before = memory.bytes.slice();
    driver.offer(1);
    const after = memory.bytes.slice();
    expect(queue.next()).toBeUndefined();
    expect(queue.wantNotifications(true)).toBe(false);
    expect(queue.publish()).toBe(false);
    expect(Buffer.compare(memory.bytes, after)).toBe(0);
    expect(Buffer.compare(before, after)).not.toBe(0);
  });
});

describe('a split queue is not set up', () => {
  const memory = new TestMemory();
  const good = { index: 2, size: 8, descriptorArea: 0x1000, driverArea: 0x2000, deviceArea: 0x3000 };
  const cases: [what: string, rule: DriverRule, change: Partial<typeof good>][] = [
    ['of size 0', 'queue-size', { size: 0 }],
    ['of a size that is no power of two', 'queue-size', { size: 6 }],
    ['of more than 32768 entries', 'queue-size', { size: 65536 }],
    ['with a descriptor table not aligned to 16', 'ring-alignment', { descriptorArea: 0x1008 }],
    ['with an available ring not aligned to 2', 'ring-alignment', { driverArea: 0x2001 }],
    ['with a used ring not aligned to 4', 'ring-alignment', { deviceArea: 0x3002 }],
    ['with a descriptor table beyond memory', 'ring-address', { descriptorArea: beyond - 16 * 8 + 16 }],
    ['with an available ring beyond memory', 'ring-address', { driverArea: beyond - 22 + 2 }],
    ['with a used ring beyond memory', 'ring-address', { deviceArea: beyond - 70 + 2 }],
    ['with rings above 4 GiB', 'ring-address', { descriptorArea: 2 ** 32 + 0x1000 }],
    ['with rings at the end of 64 bits', 'ring-address', { deviceArea: 2 ** 64 - 2048 }],
  ];
  for (const [what, rule, change] of cases) {
    it(what, () => {
      const setup = { ...good, ...change };
      const fault = faultOf(() => new SplitQueue(setup, memory, { indirect: false, eventIndex: false }));
      expect(fault).toMatchObject({ rule, queue: 2 });
    });
  }

  it('but it is with rings at the very end of memory', () => {
    const setup = { ...good, descriptorArea: beyond - 128, driverArea: beyond - 22, deviceArea: beyond - 72 };
    expect(() => new SplitQueue(setup, memory, { indirect: false, eventIndex: false })).not.toThrow();
  });
});
