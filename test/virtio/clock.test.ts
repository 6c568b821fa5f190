import { expect, it } from 'vitest';
import { ManualClock } from '../../src/virtio/clock.js';

it('a manual clock lets things happen when they are due, in their order, and not when cancelled', () => {
  const clock = new ManualClock();
  const seen: [string, number][] = [];
  const note = (name: string) => () => void seen.push([name, clock.now()]);
  clock.after(30, note('late'));
  clock.after(10, () => {
    note('early')();
    clock.after(5, note('from within'));
  });
  clock.after(20, note('cancelled'))();
  clock.advance(9);
  expect(seen).toEqual([]);
  clock.advance(21);
  expect(seen).toEqual([
    ['early', 10],
    ['from within', 15],
    ['late', 30],
  ]);
  expect(clock.now()).toBe(30);
});
