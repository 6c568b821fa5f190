import { conditionFields, faults, type Condition, type FaultPlan } from '../lab/faults/index.js';
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
 * @throws UserError for a fault or a condition that there is not, and for a value out of its range
 */
export function guestFault(text: string, before: readonly GuestFault[] = []): readonly GuestFault[] {
  const [fault, conditions, ...rest] = text.split('@');
  if (!names.includes(fault)) throw new UserError(`--fault: no fault is called '${fault}'; ${hint(fault)}`);
  if (conditions === '' || rest.length > 0) {
    throw new UserError(`--fault '${text}': behind @ come conditions such as after=100,every=10.`);
  }
  const when: Record<string, number | string> = {};
  let guest: number | undefined;
  for (const item of conditions?.split(',') ?? []) {
    const [, name, value] = /^\s*([a-z]+)=(\S*)\s*$/.exec(item) ?? [];
    if (name === undefined || value === undefined) {
      throw new UserError(`--fault '${text}': a condition is like after=100; '${item}' is not one.`);
    }
    if (name === 'guest') guest = guestNumber(value);
    else when[name] = conditionValue(name, value);
  }
  return [...before, { text, fault, guest, when }];
}

/** @throws UserError when a fault is for a guest that there is not */
export function checkGuests(asked: readonly GuestFault[], guests: GuestNumbers): void {
  for (const { text, guest = guests.first } of asked) guests.check(`--fault '${text}'`, guest);
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
