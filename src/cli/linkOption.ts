import { linkRanges, linkSettings, type LinkConditions } from '../fabric/index.js';
import type { NumberRange } from '../virtio/wholeNumber.js';
import { UserError } from '../vm/index.node.js';
import type { GuestNumbers } from './guestNumbers.js';
import { similarNames } from './similar.js';

/** What the links of the guests are to be like: of all of them, or of one. */
export interface GuestLink {
  /** Guests count from 1; undefined for all that nothing is said of by themselves. */
  readonly guest: number | undefined;
  readonly conditions: LinkConditions;
}

/** A kind of value: how it is written, with its limits, and what its units are worth. */
interface Quantity {
  readonly takes: (range: NumberRange) => string;
  readonly units: Readonly<Record<string, number>>;
}

/** Bits a second. */
const rate: Quantity = {
  takes: ({ least }) => `a rate such as 10mbit (bit, kbit, mbit or gbit a second), at least ${least}bit`,
  units: { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 },
};
/** Milliseconds. */
const time: Quantity = {
  takes: ({ most }) => `a time such as 20ms (us, ms or s), at most ${most / 1000}s`,
  units: { us: 1e-3, ms: 1, s: 1e3 },
};
const chance: Quantity = {
  takes: ({ least, most }) => `a chance such as 1%, from ${100 * least}% to ${100 * most}%`,
  units: { '%': 0.01 },
};
const bytes: Quantity = { takes: ({ least }) => `a whole number of bytes, at least ${least}`, units: { '': 1 } };
const number: Quantity = { takes: ({ least, most }) => `a whole number from ${least} to ${most}`, units: { '': 1 } };

/** The conditions by their names on the command line. */
const conditions: Readonly<Record<string, { field: keyof LinkConditions; quantity: Quantity }>> = {
  rate: { field: 'rate', quantity: rate },
  'lane-rate': { field: 'laneRate', quantity: rate },
  delay: { field: 'delay', quantity: time },
  jitter: { field: 'jitter', quantity: time },
  loss: { field: 'loss', quantity: chance },
  duplicate: { field: 'duplicate', quantity: chance },
  reorder: { field: 'reorder', quantity: chance },
  mtu: { field: 'mtu', quantity: bytes },
  queue: { field: 'queue', quantity: time },
  seed: { field: 'seed', quantity: number },
};

/**
 * Reads a value of --link: conditions with commas between, such as `rate=10mbit,delay=20ms`, for the links of all guests,
 * or with `2:` before them for guest 2's.
 * @throws UserError for what is no condition, or out of its range, or said twice
 */
export function guestLink(text: string, before: readonly GuestLink[] = []): readonly GuestLink[] {
  const [, numbered, rest] = /^(\d+):(.*)$/s.exec(text) ?? [];
  const guest = numbered === undefined ? undefined : Number(numbered);
  if (before.some((other) => other.guest === guest)) {
    const whose = guest === undefined ? 'all links' : `the link of guest ${guest}`;
    throw new UserError(`--link '${text}': the conditions of ${whose} were given already; put them into one option.`);
  }
  return [...before, { guest, conditions: linkConditions(rest ?? text) }];
}

/** @throws UserError when a link is for a guest that there is not */
export function checkLinks(links: readonly GuestLink[], guests: GuestNumbers): void {
  for (const { guest = guests.first } of links) guests.check('--link', guest);
}

/** The conditions of a guest's link; undefined where there are none. */
export function linkOf(links: readonly GuestLink[], guest: number): LinkConditions | undefined {
  const found = links.find((link) => link.guest === guest) ?? links.find((link) => link.guest === undefined);
  return found?.conditions;
}

function linkConditions(text: string): LinkConditions {
  const found: Partial<Record<keyof LinkConditions, number>> = {};
  for (const item of text.split(',')) {
    const [, name, value] = /^\s*([a-z-]+)=(\S+)\s*$/.exec(item) ?? [];
    if (name === undefined || value === undefined) {
      throw new UserError(`--link: a condition is like delay=20ms; '${item}' is not one.`);
    }
    const known = Object.hasOwn(conditions, name) ? conditions[name] : undefined;
    if (!known) throw new UserError(`--link: no condition is called '${name}'; ${hint(name)}`);
    if (known.field in found) throw new UserError(`--link: ${name} is there twice.`);
    const range = linkRanges[known.field];
    const read = quantity(value, known.quantity);
    if (!(read >= range.least && read <= range.most)) {
      throw new UserError(`--link: ${name} takes ${known.quantity.takes(range)}; '${value}' is not one.`);
    }
    found[known.field] = read;
  }
  try {
    linkSettings(found);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(`--link '${text}': ${error.message}`);
  }
  return found;
}

function hint(name: string): string {
  const names = Object.keys(conditions);
  const meant = similarNames(name, names);
  return meant.length > 0 ? `did you mean ${meant.join(' or ')}?` : `there are ${names.join(', ')}.`;
}

/** What is written, in the unit that conditions have; NaN where it is not written like that. */
function quantity(text: string, { units }: Quantity): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([a-z%]*)$/i.exec(text) ?? [];
  const worth = unit !== undefined && Object.hasOwn(units, unit) ? units[unit] : NaN;
  const value = Number(digits) * worth;
  return '' in units && !Number.isInteger(value) ? NaN : value;
}
