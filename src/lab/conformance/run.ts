import { has, openModern, type FeatureName } from '../../driver/index.js';
import type { Target } from '../targets/target.js';
import { Bench } from './bench.js';
import { Skipped, type CardWish, type Case } from './case.js';

/** A make of device, of which each case gets a fresh one. */
export interface Subject {
  readonly name: string;
  make(wish: CardWish): Promise<Target>;
  /** The features that a wish can have it offer, or leave out. */
  readonly choices: readonly FeatureName[];
  /** How long a case waits for the device before it says that nothing came, in milliseconds of real time. */
  readonly patience: number;
  /** How many cases are played at the same time, which mostly wait; 1 when left out. */
  readonly parallel?: number;
}

export interface CaseResult {
  readonly case: string;
  readonly statements: readonly string[];
  readonly section: string;
  readonly expected: string;
  readonly result: 'pass' | 'fail' | 'skip';
  /** What was seen, or why nothing could be. */
  readonly seen: string;
}

/**
 * Runs the cases. What goes wrong within one is its result, and holds up no other.
 * @param before told of each case, which waits for it; what it throws ends the run, when the cases under way are done
 */
export async function runCases(
  subject: Subject,
  cases: readonly Case[],
  before: (index: number, next: Case) => Promise<void> | void = () => undefined,
): Promise<CaseResult[]> {
  const offers = new Offers(subject);
  const results = new Array<CaseResult>(cases.length);
  // A generator, unlike an array's iterator, ends for all loops over it when one of them is left by an error.
  const waiting = (function* () {
    yield* cases.entries();
  })();
  const work = async (): Promise<void> => {
    for (const [index, one] of waiting) {
      await before(index, one);
      const { id, statements, section, expects: expected } = one;
      results[index] = { case: id, statements, section, expected, ...(await outcome(subject, one, offers)) };
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: subject.parallel ?? 1 }, work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason as Error;
  return results;
}

async function outcome(subject: Subject, one: Case, offers: Offers): Promise<Pick<CaseResult, 'result' | 'seen'>> {
  const missing = await offers.missing(one);
  if (missing.length > 0) return { result: 'skip', seen: `not offered: ${missing.join(', ')}` };
  const target = await make(subject, one.card);
  try {
    return { result: 'pass', seen: await one.run(new Bench(target)) };
  } catch (error) {
    if (error instanceof Skipped) return { result: 'skip', seen: error.message };
    return { result: 'fail', seen: error instanceof Error ? describe(error) : String(error) };
  } finally {
    await target.close();
  }
}

/** What a device says by failing itself stands on its own; of anything else the kind of error is told too. */
function describe(error: Error): string {
  const known = ['Nonconformance', 'DeviceError', 'TimeoutError', 'TargetEnded'];
  return known.includes(error.name) ? error.message : `${error.name}: ${error.message}`;
}

async function make(subject: Subject, wish: CardWish = {}): Promise<Target> {
  const target = await subject.make(wish);
  target.machine.patience = subject.patience;
  return target;
}

const everyFeature = ~0n;

/** What the cards of a subject offer, by the card that is wished for. */
class Offers {
  private readonly subject: Subject;
  private readonly known = new Map<string, Promise<bigint>>();

  constructor(subject: Subject) {
    this.subject = subject;
  }

  async missing({ card, needs = [] }: Case): Promise<FeatureName[]> {
    if (needs.length === 0) return [];
    const key = JSON.stringify(card ?? {});
    const reading = this.known.get(key) ?? this.read(card);
    this.known.set(key, reading);
    const offered = await reading;
    return needs.filter((name) => !has(offered, name));
  }

  private async read(card: CardWish | undefined): Promise<bigint> {
    const target = await make(this.subject, card);
    try {
      return await (await openModern(target.machine)).offered();
    } catch {
      // A card that can't even be asked: the case meets the same, and says it.
      return everyFeature;
    } finally {
      await target.close();
    }
  }
}
