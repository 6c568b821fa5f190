import { describe, expect, it } from 'vitest';

import { Lookout } from '../../../src/fabric/shared/lookout.js';
import { ManualClock } from '../../../src/virtio/clock.js';

const most = 2;
const patience = 4;

/** Waits for answers that take so many milliseconds each; for how long it then looked, and for how long it stood still. */
function waits(...answers: number[]): { looked: number; stood: number }[] {
  let now = 0;
  const clock = new ManualClock();
  clock.now = () => now;
  const lookout = new Lookout(most, clock);
  return answers.map((answer) => {
    const start = now;
    let stood = 0;
    const ready = (): boolean => {
      const there = now >= start + answer;
      if (!there) now += 0.01;
      return there;
    };
    lookout.wait(patience, ready, (milliseconds) => {
      const before = now;
      now = Math.min(now + milliseconds, Math.max(now, start + answer));
      stood = now - before;
    });
    return { looked: now - start - stood, stood };
  });
}

describe('a thread that waits for an answer', () => {
  it('looks for twice as long as the last one took, and does not stand still when it comes again', () => {
    const [first, ...others] = waits(0.8, 0.8, 1.2, 1.9);
    expect(first.stood).toBeGreaterThan(0.2);
    for (const { stood } of others) expect(stood).toBe(0);
  });

  it('looks no longer than it may', () => {
    for (const { looked } of waits(1.9, 3, 1.9, 3)) expect(looked).toBeLessThan(most + 0.1);
  });

  it('looks for a shorter time after each wait in which none came, until one comes soon again', () => {
    const all = waits(1, ...new Array<number>(8).fill(Infinity), 1, 1);
    const looked = all.slice(1, 9).map((wait) => wait.looked);
    expect(looked).toEqual([...looked].sort((a, b) => b - a));
    expect(looked.at(-1)).toBeLessThan(most / 8 + 0.1);
    expect(all.at(-2)!.stood).toBeGreaterThan(0.5);
    expect(all.at(-1)!.stood).toBe(0);
  });

  it('learns nothing from what was there before', () => {
    const [, , third] = waits(0.8, 0, 0.8);
    expect(third.stood).toBe(0);
  });

  it('waits as long as it is asked to where nothing comes', () => {
    for (const { looked, stood } of waits(Infinity, Infinity, 3.5)) expect(looked + stood).toBeGreaterThan(3.4);
    for (const { looked, stood } of waits(Infinity, Infinity)) expect(looked + stood).toBeLessThan(patience + 0.1);
  });
});
