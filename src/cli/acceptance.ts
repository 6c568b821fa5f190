import { featureBits, type FeatureName } from '../driver/index.js';
import { bitName } from '../lab/probe/index.js';
import { UserError } from '../vm/index.node.js';
import { FeatureNames, signedNames } from './featureNames.js';

const mostBit = 127;
const bits = new FeatureNames<number>(Object.entries(featureBits), `the numbers are 0 to ${mostBit}.`);

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
  const items = text.split(',').map(item);
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

function item(text: string): Item {
  const [, sign = '', name = ''] = /^\s*([+-]?)\s*(\S*)\s*$/.exec(text) ?? [];
  return { bit: featureBit('accept', name), sign: sign === '' ? undefined : sign === '+' };
}

/**
 * Reads a value of --offer: names, each with + or - before it and commas between. What is said later counts.
 * @throws UserError for what is no such list, and for an unknown name
 */
export function offering(text: string, before: Offering = {}): Offering {
  const wishes: Partial<Record<FeatureName, boolean>> = { ...before };
  for (const { name, on } of signedNames('offer', text)) wishes[bitName(featureBit('offer', name)) as FeatureName] = on;
  return wishes;
}

/** The bit of a feature: MQ, VIRTIO_NET_F_MQ or 22. @throws UserError when there is none of this name */
function featureBit(option: string, name: string): number {
  return /^\d+$/.test(name) && Number(name) <= mostBit ? Number(name) : bits.find(option, name);
}
