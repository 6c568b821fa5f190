import { features, withoutOrphans, type ModernTransport } from '../../driver/index.js';
import { randomNumbers } from '../../virtio/random.js';
import { bitsOf, namesOf } from './names.js';
import { agrees } from './negotiation.js';
import { brokenRules, describeRule, type BrokenRule } from './rules.js';

export interface SweepOptions {
  /** Sets by chance; 200 when left out. */
  readonly random?: number;
  /** Of the chance, a whole number; 1 when left out. */
  readonly seed?: number;
  /** Told before each set, which waits for it: how many were tried, and how many there are. What it throws ends the sweep. */
  readonly progress?: (done: number, all: number) => Promise<void> | void;
}

/** What became of the sets of one kind. A device should agree to those that break no rule, and must refuse the others. */
export interface SweepCount {
  readonly kind: 'single features' | 'pairs of features' | 'random sets';
  readonly tried: number;
  readonly accepted: number;
  readonly refused: number;
  /** Sets where the device did otherwise than the specification says. */
  readonly surprises: number;
}

/** Sets that a device judged otherwise than the specification, all for one reason. */
export interface Surprise {
  readonly did: 'accepted' | 'refused';
  /** The rule that the accepted sets break; of refused ones, that they break none. */
  readonly rule: string;
  /** The features that break it. */
  readonly features: readonly string[];
  readonly sets: number;
  /** The smallest of them. */
  readonly example: readonly string[];
}

export interface Sweep {
  readonly offered: readonly string[];
  readonly seed: number;
  readonly counts: readonly SweepCount[];
  readonly surprises: readonly Surprise[];
}

/** Bits that a driver can accept through the registers, as far as the specification gives them a meaning. */
const bitCount = 128;

/** Negotiates every single feature, every pair of those that are offered, and sets by chance. */
export async function sweep(transport: ModernTransport, options: SweepOptions = {}): Promise<Sweep> {
  const { random = 200, seed = 1, progress = () => undefined } = options;
  const offered = await transport.offered();
  const plan = [
    { kind: 'single features', sets: singles(offered) },
    { kind: 'pairs of features', sets: pairs(offered) },
    { kind: 'random sets', sets: chosenByChance(offered, random, seed) },
  ] as const;
  const all = plan.reduce((sum, { sets }) => sum + sets.length, 0);
  const surprises = new Surprises();
  const counts: SweepCount[] = [];
  let done = 0;
  for (const { kind, sets } of plan) {
    let taken = 0;
    const before = surprises.sets;
    for (const set of sets) {
      await progress(done++, all);
      const agreed = await agrees(transport, set);
      if (agreed) taken++;
      surprises.judge(set, agreed, offered);
    }
    const surprising = surprises.sets - before;
    counts.push({ kind, tried: sets.length, accepted: taken, refused: sets.length - taken, surprises: surprising });
  }
  return { offered: namesOf(offered), seed, counts, surprises: surprises.list() };
}

/** Each feature is accepted together with VIRTIO_F_VERSION_1 where that is offered: without it any set may be refused. */
function base(offered: bigint): bigint {
  return offered & features('VIRTIO_F_VERSION_1');
}

function singles(offered: bigint): bigint[] {
  return Array.from({ length: bitCount }, (_, bit) => base(offered) | (1n << BigInt(bit)));
}

function pairs(offered: bigint): bigint[] {
  const bits = bitsOf(offered & ~base(offered));
  return bits.flatMap((a, i) => bits.slice(i + 1).map((b) => base(offered) | (1n << BigInt(a)) | (1n << BigInt(b))));
}

/** Of three sets one is what a sensible driver may accept, one breaks dependencies, and one has what is not offered. */
function chosenByChance(offered: bigint, count: number, seed: number): bigint[] {
  const random = randomNumbers(seed);
  const word = (): bigint => BigInt(Math.floor(random() * 2 ** 32));
  const mask = (): bigint => Array.from({ length: bitCount / 32 }, word).reduce((set, part) => (set << 32n) | part, 0n);
  return Array.from({ length: count }, (_, i) => {
    const chosen = (offered & mask()) | base(offered);
    if (i % 3 === 0) return withoutOrphans(chosen);
    return i % 3 === 1 ? chosen : chosen | (1n << (word() % BigInt(bitCount)));
  });
}

/** What a set that was judged otherwise than it should be has to do with a rule. */
interface Charge {
  readonly did: Surprise['did'];
  readonly rule: string;
  readonly feature?: string;
}

class Surprises {
  sets = 0;
  private readonly found = new Map<string, Charge & { features: Set<string>; sets: number; example: bigint }>();

  judge(set: bigint, agreed: boolean, offered: bigint): void {
    const broken = brokenRules(set, offered);
    if (agreed === (broken.length === 0)) return;
    this.sets++;
    const charges = agreed ? broken.map(accepted) : [{ did: 'refused', rule: 'no rule is broken' } as const];
    for (const charge of charges) this.add(charge, set);
  }

  list(): Surprise[] {
    return [...this.found.values()].map(({ did, rule, features: all, sets, example }) => {
      return { did, rule, features: [...all], sets, example: namesOf(example) };
    });
  }

  private add(charge: Charge, set: bigint): void {
    const key = `${charge.did} ${charge.rule}`;
    const known = this.found.get(key) ?? { ...charge, features: new Set(), sets: 0, example: set };
    this.found.set(key, known);
    known.sets++;
    if (charge.feature) known.features.add(charge.feature);
    if (bitsOf(set).length < bitsOf(known.example).length) known.example = set;
  }
}

/** All features that are not offered are one charge: a device that looks at none of them has many. */
function accepted(rule: BrokenRule): Charge {
  const { kind, feature } = rule;
  return {
    did: 'accepted',
    rule: kind === 'not offered' ? 'a feature that is not offered' : describeRule(rule),
    feature,
  };
}
