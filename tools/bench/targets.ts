import { median, range, rounded } from './statistics.js';
import type { Shown } from './suite.js';

export interface Limit {
  readonly is: 'at least' | 'at most' | 'under';
  readonly value: number;
}

interface Target {
  readonly what: string;
  readonly limit: Limit;
  /** The suites that show it. */
  readonly suites: readonly string[];
  /** The worst run counts, and not the median of them. */
  readonly always?: true;
}

const guestSuites = ['guests', 'pktgen', 'rr', 'crr', 'stream', 'cost'];

/** What the project has to show, as ratios of what was measured in one run, or as counts. */
export const targets = {
  'tcp-to-v86-virtio': {
    what: 'guest to guest TCP, one stream, two workers ÷ v86’s own virtio card',
    limit: { is: 'at least', value: 10 },
    suites: ['guests'],
  },
  'tcp-to-loopback': {
    what: 'the same ÷ in-guest loopback of the same guest',
    limit: { is: 'at least', value: 1.3 },
    suites: ['guests'],
  },
  'tcp-to-qemu-tap': {
    what: 'the same ÷ QEMU TCG with multiqueue tap',
    limit: { is: 'at least', value: 0.7 },
    suites: ['guests'],
  },
  'rtt-to-loopback': {
    what: 'ping RTT between idle guests, median ÷ the guest’s own loopback RTT',
    limit: { is: 'at most', value: 1.6 },
    suites: ['guests'],
  },
  'rtt-to-v86-virtio': {
    what: 'the same ÷ v86’s own virtio card',
    limit: { is: 'at most', value: 0.75 },
    suites: ['guests'],
  },
  losses: {
    what: 'TCP retransmissions and drops in all of it at the default settings',
    limit: { is: 'at most', value: 0 },
    suites: guestSuites,
    always: true,
  },
  'device-64-to-v86-virtio': {
    what: 'device alone, 64-byte frames ÷ v86’s own card',
    limit: { is: 'at least', value: 10 },
    suites: ['device'],
  },
  'device-64k-to-copy': {
    what: 'device alone, 64 KiB frames ÷ plain copy bandwidth',
    limit: { is: 'at least', value: 0.7 },
    suites: ['device'],
  },
  'two-pairs-to-one': {
    what: 'two pairs ÷ one pair on two cores, shared memory, 64-byte frames',
    limit: { is: 'at least', value: 1.7 },
    suites: ['scaling'],
  },
  'bytes-per-frame': {
    what: 'bytes allocated per frame in the steady state',
    limit: { is: 'under', value: 1 },
    suites: ['allocations'],
  },
} as const satisfies Readonly<Record<string, Target>>;

export type TargetName = keyof typeof targets;

/** What became of a target. */
export interface TargetResult {
  readonly name: string;
  readonly what: string;
  readonly limit: Limit;
  /** Of each run, of each suite that shows it. Those below are left out where there are none. */
  readonly values: readonly number[];
  readonly median?: number;
  readonly spread?: readonly [number, number];
  readonly met?: boolean;
}

/** All targets with what was shown for them. */
export function targetResults(shown: readonly Shown[]): TargetResult[] {
  return Object.entries<Target>(targets).map(([name, { what, limit, always }]) => {
    const values = shown.filter(({ target }) => target === name).flatMap((one) => one.values);
    if (values.length === 0) return { name, what, limit, values };
    const middle = median(values);
    const spread = range(values.map(rounded));
    const met = always ? values.every((value) => meets(limit, value)) : meets(limit, middle);
    return { name, what, limit, values: values.map(rounded), median: rounded(middle), spread, met };
  });
}

function meets({ is, value: limit }: Limit, value: number): boolean {
  return { 'at least': value >= limit, 'at most': value <= limit, under: value < limit }[is];
}
