/** Which features a case leaves out, of all that a card can offer. */
export interface OfferCase {
  /** Names that are asked to be left out. */
  readonly without: readonly string[];
}

/** Numbers that look random, and are the same each time (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Cases in which every two features are seen together in each way that can be: both offered, both left out, and one of
 * them without the other. Found greedily: each case begins with a pair not seen yet, and adds what shows most others.
 * @param names the features
 * @param offered what is offered when these are left out: less than the rest, where features need each other
 */
export function pairwise(names: readonly string[], offered: (without: readonly string[]) => Set<string>): OfferCase[] {
  const random = generator(1);
  const key = (a: number, b: number, pair: string): string =>
    a < b ? `${a} ${b} ${pair}` : `${b} ${a} ${pair[1]}${pair[0]}`;
  const unseen = new Map<string, [index: number, on: boolean][]>();
  names.forEach((first, a) => {
    const withoutFirst = offered([first]);
    names.forEach((second, b) => {
      if (a === b) return;
      if (withoutFirst.has(second))
        unseen.set(key(a, b, '01'), [
          [a, false],
          [b, true],
        ]);
      if (a > b) return;
      unseen.set(key(a, b, '00'), [
        [a, false],
        [b, false],
      ]);
      unseen.set(key(a, b, '11'), [
        [a, true],
        [b, true],
      ]);
    });
  });
  const cases: OfferCase[] = [];
  while (unseen.size > 0) {
    const [[, start]] = unseen;
    const chosen = new Map(start);
    const rest = names.map((_, index) => ({ index, at: random() })).sort((x, y) => x.at - y.at);
    for (const { index } of rest) {
      if (chosen.has(index)) continue;
      const gain = (on: boolean): number => {
        const bit = on ? '1' : '0';
        return [...chosen].filter(([other, value]) => unseen.has(key(index, other, bit + (value ? '1' : '0')))).length;
      };
      // Where both show as much, what is kept does not take others with it.
      chosen.set(index, gain(true) >= gain(false));
    }
    // What is to be offered takes what it needs with it; what is needed for that is not left out.
    const without = names.filter((_, index) => !chosen.get(index));
    const needed = start.filter(([, on]) => on).map(([index]) => names[index]);
    const kept = needed.every((name) => offered(without).has(name))
      ? without
      : leaveOutLess(without, start, names, offered);
    const seen = offered(kept);
    names.forEach((first, a) =>
      names.forEach((second, b) => {
        if (a < b) unseen.delete(key(a, b, `${seen.has(first) ? '1' : '0'}${seen.has(second) ? '1' : '0'}`));
      }),
    );
    cases.push({ without: kept });
  }
  return cases;
}

/** Leaves out as many of these as can be so that the pair that a case began with is still what it has to show. */
function leaveOutLess(
  without: readonly string[],
  pair: readonly [index: number, on: boolean][],
  names: readonly string[],
  offered: (without: readonly string[]) => Set<string>,
): string[] {
  const kept: string[] = pair.filter(([, on]) => !on).map(([index]) => names[index]);
  const shown = pair.filter(([, on]) => on).map(([index]) => names[index]);
  for (const name of without) {
    if (kept.includes(name)) continue;
    if (shown.every((other) => offered([...kept, name]).has(other))) kept.push(name);
  }
  return kept;
}
