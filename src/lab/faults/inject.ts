import type { Clock } from '../../virtio/clock.js';
import { Signal } from '../../virtio/signal.js';
import { Bench, type Card } from './bench.js';
import { checkCondition, hasQueue } from './checkCondition.js';
import { Trigger, type Condition } from './condition.js';
import { faults } from './faults.js';

/** A fault to inject, and when it happens. */
export interface FaultPlan {
  /** One of the names in `faults`. */
  readonly fault: string;
  readonly when?: Condition;
}

/** A fault happened. */
export interface InjectedFault {
  readonly fault: string;
  /** On which queue, by Linux's name, where it happened on one. */
  readonly queue: string | undefined;
  /** Milliseconds since the injection. */
  readonly time: number;
}

/** A fault of an injection, and how often it happened. */
export interface FaultCount {
  readonly fault: string;
  readonly when: Condition;
  readonly count: number;
}

export interface FaultInjection {
  /** In the order in which they were asked for. */
  readonly counts: readonly FaultCount[];
  readonly onFault: Signal<InjectedFault>;
  /** Ends it: the card is as if nobody had touched it. What was delayed happens at once. */
  readonly stop: () => void;
}

/**
 * Has a card misbehave, from now on. It is done from outside: a card that nobody does this to is not a bit slower. Faults
 * that a driver meets while it starts are to be injected before it does.
 *
 *     const injection = injectFaults(card, [{ fault: 'interrupt-lost', when: { every: 100 } }], systemClock);
 *
 * @param clock the time that the card lives in
 * @throws RangeError for a fault that there is not, a condition that it does not take, or a queue that the card does not
 *   have; nothing is injected then
 */
export function injectFaults(card: Card, plans: readonly FaultPlan[], clock: Clock): FaultInjection {
  const chosen = plans.map(({ fault: name, when = {} }) => {
    const fault = faults.find((each) => each.name === name);
    if (!fault) throw new RangeError(`no fault is called '${name}'`);
    checkCondition(when, fault);
    checkCard(card, when);
    return { fault, when: { ...fault.when, ...when } };
  });
  const bench = new Bench(card, clock);
  const onFault = new Signal<InjectedFault>();
  const start = clock.now();
  const armed = chosen.map(({ fault, when }) => {
    const { name } = fault;
    const trigger = new Trigger(when, clock, (queue) =>
      onFault.emit({ fault: name, queue, time: clock.now() - start }),
    );
    fault.arm(bench, trigger);
    return { name, when, trigger };
  });
  return {
    onFault,
    get counts() {
      return armed.map(({ name, when, trigger }) => ({ fault: name, when, count: trigger.count }));
    },
    stop: () => bench.stop(),
  };
}

function checkCard({ device: { maxQueuePairs } }: Card, { queue }: Condition): void {
  if (queue === undefined || hasQueue(maxQueuePairs, queue)) return;
  throw new RangeError(`the card has no queue ${queue}; it has ${maxQueuePairs} pairs, from input.0 and output.0 on`);
}
