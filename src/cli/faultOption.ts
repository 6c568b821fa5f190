import {
  checkCondition,
  conditionFields,
  faults,
  hasQueue,
  type Condition,
  type FaultPlan,
} from '../lab/faults/index.js';
import { UserError } from '../vm/index.node.js';
import type { GuestNumbers } from './guestNumbers.js';
import { similarNames } from './similar.js';

/** A fault to inject, in every guest or in one. */
export interface GuestFault extends FaultPlan {
  /** As it was asked for. */
  readonly text: string;
  /** Guests count from 1. */
  readonly guest?: number | undefined;
}

const names = faults.map(({ name }) => name);

/**
 * Reads a value of --fault: a fault's name, and behind an @ its conditions with commas between:
 * `interrupt-lost@queue=input.0,every=10`.
 * @throws UserError for a fault or a condition that there is not, or is there twice, and for a value that is out of its
 *   range or that the fault does not take
 */
export function guestFault(text: string, before: readonly GuestFault[] = []): readonly GuestFault[] {
  const [name, conditions, ...rest] = text.split('@');
  const fault = faults.find((each) => each.name === name);
  if (!fault) throw new UserError(`--fault: no fault is called '${name}'; ${hint(name)}`);
  if (conditions === '' || rest.length > 0) {
    throw new UserError(`--fault '${text}': behind @ come conditions such as after=100,every=10.`);
  }
  const { guest, ...when } = conditions === undefined ? {} : conditionsIn(conditions, text);
  try {
    checkCondition(when, fault);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(`--fault '${text}': ${error.message}.`);
  }
  return [...before, { text, fault: name, guest, when }];
}

function conditionsIn(conditions: string, text: string): Condition & { readonly guest?: number } {
  const said = new Map<string, number | string>();
  for (const item of conditions.split(',')) {
    const [, name, value] = /^\s*([a-z]+)=(\S*)\s*$/.exec(item) ?? [];
    if (name === undefined || value === undefined) {
      throw new UserError(`--fault '${text}': a condition is like after=100; '${item}' is not one.`);
    }
    if (said.has(name)) throw new UserError(`--fault '${text}': ${name} is there twice.`);
    said.set(name, name === 'guest' ? guestNumber(value) : conditionValue(name, value));
  }
  return Object.fromEntries(said);
}

/** @throws UserError when a fault is for a guest or a queue that there is not */
export function checkPlaces(asked: readonly GuestFault[], guests: GuestNumbers, queuePairs: number): void {
  for (const { text, guest = guests.first, when } of asked) {
    guests.check(`--fault '${text}'`, guest);
    const { queue } = when ?? {};
    if (queue === undefined || hasQueue(queuePairs, queue)) continue;
    const last = queue.replace(/\d+$/, String(queuePairs - 1));
    throw new UserError(`--fault '${text}': with --queues ${queuePairs} the last such queue is ${last}.`);
  }
}

function hint(fault: string): string {
  const meant = similarNames(fault, names);
  return meant.length > 0 ? `did you mean ${meant.join(' or ')}?` : "'vmq faults' lists those that there are.";
}

function guestNumber(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new UserError(`--fault: guest takes the number of a guest, from 1 on; '${text}' is not one.`);
}

function conditionValue(name: string, text: string): number | string {
  const known = ['guest', ...Object.keys(conditionFields)];
  if (!known.includes(name)) {
    throw new UserError(`--fault: no condition is called '${name}'; there are ${known.join(', ')}.`);
  }
  const field = conditionFields[name as keyof Condition];
  const value = field.parse(text);
  if (value !== undefined && field.valid(value)) return value;
  throw new UserError(`--fault: ${name} takes ${field.takes}; '${text}' is not one.`);
}
