import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MacTable } from '../../src/fabric/macTable.js';

const individual = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => {
  bytes[0] &= 0xfe;
  return bytes;
});

describe('MAC table', () => {
  it('finds each station at the port where it was heard last, until it has aged', () => {
    const ageing = 100;
    const step = fc.record({ who: fc.nat(7), port: fc.nat(3), later: fc.nat(60) });
    const stations = fc.uniqueArray(individual, { minLength: 8, maxLength: 8, selector: (bytes) => bytes.join() });
    fc.assert(
      fc.property(stations, fc.array(step, { maxLength: 60 }), (addresses, steps) => {
        // As many stations as one set holds, so that none of them is ever pushed out.
        const table = new MacTable<number>(8, ageing);
        const model = new Map<number, { port: number; heard: number }>();
        let now = 0;
        for (const { who, port, later } of steps) {
          now += later;
          table.learn(addresses[who], 0, port, now);
          model.set(who, { port, heard: now });
          addresses.forEach((bytes, i) => {
            const known = model.get(i);
            expect(table.find(bytes, 0, now)).toBe(known && now - known.heard < ageing ? known.port : undefined);
          });
        }
      }),
    );
  });

  it('reads an address anywhere in the bytes and tells addresses apart that differ in one bit', () => {
    fc.assert(
      fc.property(individual, fc.nat(47), (bytes, bit) => {
        const table = new MacTable<string>(8, 1000);
        table.learn(Uint8Array.of(9, 9, ...bytes), 2, 'a', 0);
        expect(table.find(bytes, 0, 0)).toBe('a');
        const other = bytes.slice();
        other[bit >> 3] ^= 1 << (bit & 7);
        expect(table.find(other, 0, 0)).toBeUndefined();
      }),
    );
  });

  it('never learns a group address', () => {
    const table = new MacTable<string>(8, 1000);
    for (const first of [0x01, 0x33, 0xff]) {
      const group = Uint8Array.of(first, 0, 0x5e, 0, 0, 1);
      table.learn(group, 0, 'a', 0);
      expect(table.find(group, 0, 0)).toBeUndefined();
    }
  });

  it('is bounded: a flood of new addresses pushes out the oldest, not the busy ones', () => {
    const table = new MacTable<string>(64, 1e9);
    const busy = Uint8Array.of(2, 0, 0, 0, 0, 1);
    const stations = Array.from({ length: 10_000 }, (_, i) => Uint8Array.of(4, 0, 0, i >> 16, i >> 8, i));
    stations.forEach((bytes, now) => {
      table.learn(busy, 0, 'busy', now);
      table.learn(bytes, 0, 'other', now);
    });
    expect(table.find(busy, 0, 10_000)).toBe('busy');
    const known = stations.filter((bytes) => table.find(bytes, 0, 10_000));
    expect(known.length).toBe(63);
  });

  it('spreads neighbouring addresses: a table twice as large as needed holds nearly all', () => {
    const table = new MacTable<string>(4096, 1e9);
    const stations = Array.from({ length: 2048 }, (_, i) => Uint8Array.of(0x52, 0x54, 0, 0, i >> 8, i));
    for (const bytes of stations) table.learn(bytes, 0, 'a', 0);
    expect(stations.filter((bytes) => table.find(bytes, 0, 0)).length).toBeGreaterThan(2000);
  });

  it('forgets all stations of a port', () => {
    const table = new MacTable<string>(8, 1000);
    const [a, b] = [Uint8Array.of(2, 0, 0, 0, 0, 1), Uint8Array.of(2, 0, 0, 0, 0, 2)];
    table.learn(a, 0, 'a', 0);
    table.learn(b, 0, 'b', 0);
    table.forget('a');
    expect(table.find(a, 0, 0)).toBeUndefined();
    expect(table.find(b, 0, 0)).toBe('b');
  });

  it('uses the room of what it forgot before it pushes anybody out', () => {
    const table = new MacTable<string>(8, 1000);
    const stations = Array.from({ length: 9 }, (_, i) => Uint8Array.of(2, 0, 0, 0, 0, i));
    stations.slice(0, 8).forEach((bytes, i) => table.learn(bytes, 0, i === 7 ? 'gone' : 'here', i));
    table.forget('gone');
    table.learn(stations[8], 0, 'new', 8);
    expect(stations.map((bytes) => table.find(bytes, 0, 9))).toEqual([
      ...new Array<string>(7).fill('here'),
      undefined,
      'new',
    ]);
  });
});
