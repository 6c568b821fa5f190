import { describe, expect, it } from 'vitest';

import { Trigger, type Condition } from '../../../src/lab/faults/condition.js';
import { injectFaults } from '../../../src/lab/faults/index.js';
import { inProcess } from '../../../src/lab/targets/inProcess.js';
import { ManualClock } from '../../../src/virtio/clock.js';
import { frame, received, setting } from './setting.js';

/** At which of so many events the fault happens; they are 1 ms from each other. */
function hits(condition: Condition, events: number, queue?: string): number[] {
  const clock = new ManualClock();
  const trigger = new Trigger(condition, clock, () => undefined);
  return Array.from({ length: events }, (_, event) => {
    const hit = trigger.happens(queue);
    clock.advance(1);
    return hit ? event : -1;
  }).filter((event) => event >= 0);
}

describe('a condition', () => {
  it.each<[Condition, number[]]>([
    [{}, [0, 1, 2, 3, 4, 5]],
    [{ after: 4 }, [4, 5]],
    [{ every: 3 }, [0, 3]],
    [{ after: 1, every: 2 }, [1, 3, 5]],
    [{ times: 2 }, [0, 1]],
    [{ after: 1, every: 2, times: 2 }, [1, 3]],
    [{ time: 3 }, [3, 4, 5]],
    [{ time: 2, after: 1, every: 3 }, [3]],
    [{ probability: 0 }, []],
    [{ probability: 1 }, [0, 1, 2, 3, 4, 5]],
  ])('%j holds at events %j of six', (condition, expected) => {
    expect(hits(condition, 6)).toEqual(expected);
  });

  it('counts the events of its queue only', () => {
    expect(hits({ queue: 'input.0', after: 1 }, 3, 'input.0')).toEqual([1, 2]);
    expect(hits({ queue: 'input.0' }, 3, 'input.1')).toEqual([]);
    expect(hits({ queue: 'input.0' }, 3)).toEqual([]);
  });

  it('has the same chances for the same seed, about as many as it says', () => {
    const some = hits({ probability: 0.1, seed: 7 }, 10_000);
    expect(some).toEqual(hits({ probability: 0.1, seed: 7 }, 10_000));
    expect(some).not.toEqual(hits({ probability: 0.1, seed: 8 }, 10_000));
    expect(some.length).toBeGreaterThan(900);
    expect(some.length).toBeLessThan(1100);
  });
});

describe('an injection', () => {
  const target = inProcess();
  const { clock } = target.hardware;

  it.each([
    ['no-such-fault', {}, "no fault is called 'no-such-fault'"],
    ['gone', { after: -1 }, "after takes a whole number from 0 on; '-1' is not one"],
    ['gone', { probability: 2 }, "probability takes a number from 0 to 1; '2' is not one"],
    [
      'gone',
      { queue: 'rx0' },
      "queue takes the name of a queue, such as input.0, output.3 or control; 'rx0' is not one",
    ],
    ['gone', { often: 1 }, "no condition is called 'often'"],
    ['gone', { delay: 1 }, 'gone takes after, every, times, probability, seed, queue, time, but not delay'],
    ['transmit-stalled', { queue: 'input.0' }, "queue takes output.N with transmit-stalled; 'input.0' is not one"],
    [
      'interrupt-lost',
      { queue: 'output.4' },
      'the card has no queue output.4; it has 4 pairs, from input.0 and output.0 on',
    ],
  ])('refuses %s with %j, and does nothing then', (fault, when, message) => {
    const plans = [{ fault: 'interrupt-lost' }, { fault, when: when as Condition }];
    expect(() => injectFaults(target, plans, clock)).toThrow(new RangeError(message));
    expect(Object.keys(target.function.interrupts)).not.toContain('queue');
  });

  it('leaves the card as it was', async () => {
    const { target: card, injection, start, count } = setting('completion-delayed', { delay: 1000 });
    const driver = await start();
    await card.wire.send(frame(1));
    expect(await received(driver)).toEqual([]);
    injection.stop();
    expect(await received(driver)).toEqual([1]);
    await card.wire.send(frame(2));
    expect(await received(driver)).toEqual([2]);
    expect(count()).toBe(1);
    for (const part of [card.device, card.function.interrupts, ...card.function.queues]) {
      expect(
        Object.keys(part!).filter((key) => ['activate', 'notify', 'queue', 'next', 'complete'].includes(key)),
      ).toEqual([]);
    }
  });

  it('begins on a card at work, with several faults, each counted', async () => {
    const card = inProcess();
    const idle = setting('gone', { after: 1e6 });
    const driver = await idle.start();
    const injection = injectFaults(
      idle.target,
      [
        { fault: 'interrupt-lost', when: { queue: 'input.0' } },
        { fault: 'num-buffers-large', when: { after: 1, times: 1 } },
      ],
      card.hardware.clock,
    );
    await idle.target.wire.send(frame(1));
    await idle.target.wire.send(frame(2));
    expect(await received(driver)).toEqual([1]);
    // The driver had asked for one interrupt, by its event index, and was not told that it is due.
    expect(injection.counts).toEqual([
      { fault: 'interrupt-lost', when: { queue: 'input.0' }, count: 1 },
      { fault: 'num-buffers-large', when: { after: 1, times: 1 }, count: 1 },
    ]);
  });
});
