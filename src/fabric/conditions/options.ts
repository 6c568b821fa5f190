/** What a link is like, each way of it by itself. What is left out does not limit it. */
export interface LinkConditions {
  /** Bits a second that go over it, of all lanes together and of each lane by itself. Headers of segments count, preambles don't. */
  readonly rate?: number;
  readonly laneRate?: number;
  /** How long a frame is on its way when it has been sent, in milliseconds. */
  readonly delay?: number;
  /** How much that varies up and down, in milliseconds, at most the delay. Frames of a lane keep their order. */
  readonly jitter?: number;
  /** How likely a frame is lost, 0 to 1. */
  readonly loss?: number;
  /** How likely a frame comes out twice, 0 to 1; the second comes right behind the first. */
  readonly duplicate?: number;
  /** How likely a frame is not delayed, and so overtakes those that are, 0 to 1. It needs a delay. */
  readonly reorder?: number;
  /** The largest packet that passes, in bytes without Ethernet header and VLAN tags, at least 68; larger ones are dropped. */
  readonly mtu?: number;
  /**
   * How much may wait for its turn at the rate, in milliseconds of that rate; default 20. One frame may always wait. What
   * the delay keeps on its way does not count, nor what the receiver has no room for. It needs a rate.
   */
  readonly queue?: number;
  /**
   * How much memory the frames of a lane may take in all, each way, in bytes, at least 131,072; default 67,108,864. Each
   * takes the next power of two of its length, at least 2048. A rate of which more than that is on its way during the
   * delay is not reached.
   */
  readonly laneBytes?: number;
  /** Where chance begins; default 1. */
  readonly seed?: number;
}

export type LinkSettings = Required<LinkConditions>;

const rate = { least: 1, most: Infinity, usual: Infinity, unit: ' bit/s' } as const;
const probability = { least: 0, most: 1, usual: 0, unit: '' } as const;

/** What each may be, and what it is when it is left out. */
export const linkRanges = {
  rate,
  laneRate: rate,
  delay: { least: 0, most: 60_000, usual: 0, unit: ' ms' },
  jitter: { least: 0, most: 60_000, usual: 0, unit: ' ms' },
  loss: probability,
  duplicate: probability,
  reorder: probability,
  mtu: { least: 68, most: Infinity, usual: Infinity, unit: ' bytes' },
  queue: { least: 0, most: 60_000, usual: 20, unit: ' ms' },
  laneBytes: { least: 1 << 17, most: 1 << 30, usual: 1 << 26, unit: ' bytes' },
  seed: { least: 0, most: 0xffffffff, usual: 1, unit: '' },
} as const satisfies Record<keyof LinkConditions, { least: number; most: number; usual: number; unit: string }>;

/** Fills in what is left out. @throws RangeError for what is out of its range, or does not go together */
export function linkSettings(conditions: LinkConditions): LinkSettings {
  const names = Object.keys(linkRanges) as (keyof LinkConditions)[];
  const settings = Object.fromEntries(
    names.map((name) => {
      const { least, most, usual, unit } = linkRanges[name];
      const value = conditions[name] ?? usual;
      if (!(value >= least && value <= most)) {
        const possible = most === Infinity ? `at least ${least}${unit}` : `from ${least} to ${most}${unit}`;
        throw new RangeError(`${name} is ${value}${unit}; it must be ${possible}.`);
      }
      return [name, value];
    }),
  ) as unknown as LinkSettings;
  const { jitter, delay, reorder, rate, laneRate } = settings;
  if (jitter > delay)
    throw new RangeError(`jitter is ${jitter} ms; it must be at most the delay, which is ${delay} ms.`);
  if (reorder > 0 && delay === 0) throw new RangeError('reorder needs a delay, as a frame overtakes by having none.');
  if (conditions.queue !== undefined && Math.min(rate, laneRate) === Infinity) {
    throw new RangeError('queue needs a rate, as it limits what waits for its turn at that.');
  }
  return settings;
}
