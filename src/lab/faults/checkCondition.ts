import type { Condition } from './condition.js';
import { conditionFields } from './conditionFields.js';
import { everyQueue, type Fault, type QueueKind } from './fault.js';

/** What can be said of when a fault happens. */
export function conditionsOf({ queues, takesDelay = false }: Fault): (keyof Condition)[] {
  const taken: Partial<Record<keyof Condition, boolean>> = { queue: queues !== undefined, delay: takesDelay };
  const names = Object.keys(conditionFields) as (keyof Condition)[];
  return names.filter((name) => taken[name] ?? true);
}

/** @throws RangeError for a condition that can't be, or has no meaning for the fault, in a sentence without its end */
export function checkCondition(condition: Condition, fault: Fault): void {
  const taken: readonly string[] = conditionsOf(fault);
  for (const [name, value] of Object.entries(condition)) {
    const field = Object.hasOwn(conditionFields, name) ? conditionFields[name as keyof Condition] : undefined;
    if (!field) throw new RangeError(`no condition is called '${name}'`);
    if (value === undefined) continue;
    if (!field.valid(value)) throw new RangeError(`${name} takes ${field.takes}; '${String(value)}' is not one`);
    if (!taken.includes(name)) throw new RangeError(`${fault.name} takes ${taken.join(', ')}, but not ${name}`);
  }
  checkQueue(condition.queue, fault);
}

/** Whether a card with so many pairs has a queue of this name, whatever a driver negotiates. */
export function hasQueue(queuePairs: number, queue: string): boolean {
  const [, pair = 0] = queue.split('.');
  return Number(pair) < queuePairs;
}

const queueNames: Readonly<Record<QueueKind, string>> = { input: 'input.N', output: 'output.N', control: 'control' };

function checkQueue(queue: string | undefined, { name, queues = everyQueue }: Fault): void {
  if (queue === undefined || queues.some((kind) => queue.startsWith(kind))) return;
  const possible = queues.map((kind) => queueNames[kind]).join(' or ');
  throw new RangeError(`queue takes ${possible} with ${name}; '${queue}' is not one`);
}
