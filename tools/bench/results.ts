import { median, range, rounded } from './statistics.js';

/** One value of one measure. */
export interface Sample {
  readonly measure: string;
  readonly unit: string;
  readonly value: number;
}

export interface MeasureResult {
  readonly name: string;
  readonly unit: string;
  /** By peer, over the runs. */
  readonly median: Readonly<Record<string, number>>;
  /** By peer, the least and the greatest value of all runs. */
  readonly spread: Readonly<Record<string, readonly [number, number]>>;
}

export interface BenchResult {
  readonly runs: number;
  readonly measures: readonly MeasureResult[];
}

/** What was measured, in the order in which its measures first came. */
export class Results {
  private readonly measures = new Map<string, { unit: string; values: Map<string, number[]> }>();

  add(peer: string, { measure, unit, value }: Sample): void {
    let known = this.measures.get(measure);
    if (!known) this.measures.set(measure, (known = { unit, values: new Map() }));
    const values = known.values.get(peer);
    if (values) values.push(value);
    else known.values.set(peer, [value]);
  }

  summary(runs: number): BenchResult {
    const measures = [...this.measures].map(([name, { unit, values }]) => {
      const byPeer = <T>(of: (values: number[]) => T): Record<string, T> =>
        Object.fromEntries([...values].map(([peer, all]) => [peer, of(all)]));
      return {
        name,
        unit,
        median: byPeer((all) => rounded(median(all))),
        spread: byPeer((all) => range(all.map(rounded))),
      };
    });
    return { runs, measures };
  }
}
