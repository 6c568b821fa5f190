import { featureBits, type FeatureName } from '../driver/index.js';
import { bitName } from '../lab/probe/index.js';
import { UserError } from '../vm/index.node.js';
import { similarNames } from './similar.js';

const prefix = /^VIRTIO_(NET_)?F_/;
const bits = new Map(
  Object.entries(featureBits).map(([name, bit]): [string, number] => [name.replace(prefix, ''), bit]),
);
const mostBit = 127;

/** One feature of a list: added to what is there (true), taken away (false), or named by itself. */
interface Item {
  readonly bit: number;
  readonly sign: boolean | undefined;
}

/** Features that a card is to offer (true) or to leave out (false). */
export type Offering = Readonly<Partial<Record<FeatureName, boolean>>>;

/** What a driver accepts, by what is offered. */
export type Acceptance = (offered: bigint) => bigint;

/**
 * Reads the value of --accept: names or numbers of features with commas between. With + or - before each it begins from
 * all that is offered, else from nothing. 'none' is an empty list.
 * @throws UserError for an unknown feature, and for a list that is half with signs and half without
 */
export function acceptance(text: string): Acceptance {
  if (text === 'none') return () => 0n;
  const items = text.split(',').map((part) => item('accept', part));
  if (items.some(({ sign }) => (sign === undefined) !== (items[0].sign === undefined))) {
    throw new UserError(`--accept takes names that all have + or - before them, or none of them; '${text}' has both.`);
  }
  return (offered) => {
    const from = items[0].sign === undefined ? 0n : offered;
    return items.reduce(
      (set, { bit, sign }) => (sign === false ? set & ~(1n << BigInt(bit)) : set | (1n << BigInt(bit))),
      from,
    );
  };
}

function item(option: string, text: string): Item {
  const [, sign = '', name = ''] = /^\s*([+-]?)\s*(\S*)\s*$/.exec(text) ?? [];
  return { bit: featureBit(option, name), sign: sign === '' ? undefined : sign === '+' };
}

/**
 * Reads a value of --offer: names, each with + or - before it and commas between. What is said later counts.
 * @throws UserError for what is no such list, and for an unknown name
 */
export function offering(text: string, before: Offering = {}): Offering {
  const wishes: Partial<Record<FeatureName, boolean>> = { ...before };
  for (const part of text.split(',')) {
    const { bit, sign } = item('offer', part);
    if (sign === undefined) {
      throw new UserError(`--offer takes names, each with + or - before it and commas between; '${part}' is not one.`);
    }
    wishes[bitName(bit) as FeatureName] = sign;
  }
  return wishes;
}

/** The bit of a feature: MQ, VIRTIO_NET_F_MQ or 22. @throws UserError when there is none of this name */
function featureBit(option: string, name: string): number {
  if (/^\d+$/.test(name) && Number(name) <= mostBit) return Number(name);
  const short = name.toUpperCase().replace(prefix, '');
  const bit = bits.get(short);
  if (bit !== undefined) return bit;
  const meant = similarNames(short, [...bits.keys()]);
  const hint = meant.length > 0 ? `did you mean ${meant.join(' or ')}?` : `the numbers are 0 to ${mostBit}.`;
  throw new UserError(`--${option}: no feature is called '${name}'; ${hint}`);
}
