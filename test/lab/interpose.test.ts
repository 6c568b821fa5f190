import { describe, expect, it } from 'vitest';

import { interpose } from '../../src/lab/interpose.js';

class Adder {
  private readonly base = 1;

  add(value: number): number {
    return this.base + value;
  }
}

describe('a function around a method', () => {
  it('is called in its place, and may call it', () => {
    const adder = new Adder();
    interpose(adder, 'add', (add) => (value) => 10 * add(value));
    expect(adder.add(1)).toBe(20);
  });

  it('is around the method of one object only', () => {
    const adder = new Adder();
    const other = new Adder();
    interpose(adder, 'add', () => () => 0);
    expect([adder.add(1), other.add(1)]).toEqual([0, 2]);
  });

  it('leaves no trace when it is gone', () => {
    const adder = new Adder();
    interpose(adder, 'add', () => () => 0)();
    expect(Object.keys(adder)).toEqual(['base']);
  });

  it('gives a function of the object itself back to it', () => {
    const add = (value: number): number => value + 1;
    const adder = { add };
    interpose(adder, 'add', () => () => 0)();
    expect(adder.add).toBe(add);
  });

  it('sees the object when the method is called', () => {
    const map = new Map<string, number>();
    interpose(map, 'set', (set) => (key, value) => set(key, 2 * value));
    map.set('a', 1);
    expect(map.get('a')).toBe(2);
  });

  it('goes with others in any order', () => {
    const adder = new Adder();
    const first = interpose(adder, 'add', (add) => (value) => 10 * add(value));
    const second = interpose(adder, 'add', (add) => (value) => add(value) + 5);
    const third = interpose(adder, 'add', (add) => (value) => add(value + 1));
    expect(adder.add(0)).toBe(25);
    second();
    expect(adder.add(0)).toBe(20);
    first();
    first();
    expect(adder.add(0)).toBe(2);
    third();
    expect(Object.keys(adder)).toEqual(['base']);
    expect(interpose(adder, 'add', () => () => 7) && adder.add(0)).toBe(7);
  });
});
