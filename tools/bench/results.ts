import { median, range, rounded } from './statistics.js';

/** Where in a table a value stands: bytes, sessions, queues. The first is the axis of its plot. */
export type Place = Readonly<Record<string, number>>;

/** One value of one measure. */
export interface Sample {
  readonly measure: string;
  readonly unit: string;
  readonly value: number;
  readonly at?: Place | undefined;
  /** What of the peer it is about, when there are several: a layer of its programs. */
  readonly part?: string | undefined;
}

export interface MeasureResult {
  readonly name: string;
  readonly unit: string;
  readonly at?: Place;
  /** By peer, one of each run. */
  readonly values: Readonly<Record<string, readonly number[]>>;
  /** By peer, over the runs. */
  readonly median: Readonly<Record<string, number>>;
  /** By peer, the least and the greatest value of all runs. */
  readonly spread: Readonly<Record<string, readonly [number, number]>>;
}

interface Known {
  readonly name: string;
  readonly unit: string;
  readonly at?: Place;
  readonly values: Map<string, number[]>;
}

/** What was measured, in the order in which its measures first came. */
export class Results {
  private readonly known = new Map<string, Known>();

  add(peer: string, { measure, unit, value, at, part }: Sample): void {
    const name = part === undefined ? peer : `${peer}: ${part}`;
    const key = JSON.stringify([measure, at]);
    let known = this.known.get(key);
    if (!known) this.known.set(key, (known = { name: measure, unit, ...(at && { at }), values: new Map() }));
    const values = known.values.get(name);
    if (values) values.push(value);
    else known.values.set(name, [value]);
  }

  /** The values of a peer, one of each run; none where it was not measured. */
  values(measure: string, peer: string, at?: Place): readonly number[] {
    return this.known.get(JSON.stringify([measure, at]))?.values.get(peer) ?? [];
  }

  /** The ratios of two peers in each run; none where either was not measured. */
  ratios(measure: string, peer: string, to: string, at?: Place): number[] {
    const [over, under] = [this.values(measure, peer, at), this.values(measure, to, at)];
    return over.slice(0, under.length).map((value, run) => value / under[run]);
  }

  measures(): MeasureResult[] {
    return [...this.known.values()].map(({ values, ...measure }) => {
      const byPeer = <T>(of: (values: number[]) => T): Record<string, T> =>
        Object.fromEntries([...values].map(([peer, all]) => [peer, of(all)]));
      return {
        ...measure,
        values: byPeer((all) => all.map(rounded)),
        median: byPeer((all) => rounded(median(all))),
        spread: byPeer((all) => range(all.map(rounded))),
      };
    });
  }
}
