import Table from 'cli-table3';

import { dropReasons, type DropReason, type Drops } from '../net/index.js';
import type { VectorUse } from '../pci/index.js';
import type { StationReport } from './network.js';

type Align = 'left' | 'right';

/** A table as text, with lines around its head only. */
export function table(columns: readonly (readonly [name: string, align: Align])[], rows: readonly string[][]): string {
  const drawn = new Table({
    head: columns.map(([name]) => name),
    colAligns: columns.map(([, align]) => align),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    chars: {
      ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '', left: '', right: '', middle: '   ' },
      ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
      ...{ mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    },
  });
  drawn.push(...rows);
  const [head = '', ...body] = drawn.toString().split('\n');
  return [head, '─'.repeat(head.length), ...body].map((line) => line.trimEnd()).join('\n');
}

const laneColumns = [
  ['guest', 'right'],
  ['pair', 'right'],
  ['rx frames', 'right'],
  ['rx bytes', 'right'],
  ['tx frames', 'right'],
  ['tx bytes', 'right'],
  ['rx interrupts', 'right'],
  ['tx interrupts', 'right'],
  ['filtered', 'right'],
  ['dropped', 'left'],
] as const;

/** The counters of all queue pairs that are in use, or were: what passed them, what the guest did not want, and what was lost. */
export function laneTable(stations: readonly StationReport[]): string {
  const rows = stations.flatMap((station) => {
    const fired = firedByUse(station.vectors);
    return station.lanes.flatMap((lane, pair) => {
      const filtered = Object.values(lane.filtered).reduce((sum, count) => sum + count, 0);
      const idle = lane.rxFrames + lane.txFrames + filtered + Object.keys(lane.dropped).length === 0;
      if (pair >= station.queuePairsInUse && idle) return [];
      return [
        [
          ...[station.number, pair, lane.rxFrames, lane.rxBytes, lane.txFrames, lane.txBytes].map(String),
          ...[`input.${pair}`, `output.${pair}`].map((use) => String(fired.get(use) ?? '-')),
          String(filtered),
          drops(lane.dropped),
        ],
      ];
    });
  });
  return table(laneColumns, rows);
}

/** How many messages were sent for each queue. Queues that share a vector share its number. */
function firedByUse(vectors: readonly VectorUse[]): Map<string, number> {
  return new Map(vectors.flatMap(({ use, fired }) => use.split(' ').map((name) => [name, fired])));
}

export function drops(dropped: Drops): string {
  const reasons = Object.entries(dropped) as [DropReason, number][];
  return reasons.map(([reason, count]) => `${count}: ${dropReasons[reason]}`).join('; ') || '0';
}
