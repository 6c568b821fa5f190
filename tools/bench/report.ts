import Table from 'cli-table3';

import type { BenchResult } from './bench.js';
import type { Place } from './results.js';
import type { TargetResult } from './targets.js';

/** The peers that ratios are taken to. */
const references = ['v86-virtio', 'loopback', 'qemu-tap'] as const;

const style = { head: [], border: [], compact: true };

/** The result as tables for people: medians with their spread and ratios of the medians; and what was to be shown. */
export function reportText(result: BenchResult): string {
  const { runs, suites, skipped } = result;
  const lines = [
    ...skipped.map(({ suite, what, why }) => `Not measured: ${what} of ${suite}: ${why}`),
    ...suites.flatMap(({ name, failed }) => (failed === undefined ? [] : [`FAILED: suite ${name}: ${failed}`])),
  ];
  const tables = `${measureTable(result)}\nMedians of ${runs} ${runs === 1 ? 'run' : 'runs'}.\n\n${targetTable(result.targets)}\n`;
  return tables + lines.map((line) => `${line}\n`).join('');
}

function measureTable({ measures }: BenchResult): string {
  const table = new Table({
    head: ['measure', 'unit', 'peer', 'median', 'spread', ...references.map((name) => `÷ ${name}`)],
    colAligns: ['left', 'left', 'left', 'right', 'right', ...references.map(() => 'right' as const)],
    style,
  });
  for (const { name, at, unit, median, spread } of measures) {
    Object.entries(median).forEach(([peer, value], index) => {
      const [least, most] = spread[peer];
      const first = index === 0 ? [`${name}${placeText(at)}`, unit] : ['', ''];
      table.push([...first, peer, value, `${least} to ${most}`, ...references.map((of) => ratio(value, median[of]))]);
    });
  }
  return table.toString();
}

function targetTable(targets: readonly TargetResult[]): string {
  const table = new Table({ head: ['what it must show', 'limit', 'median', 'spread', ''], style });
  for (const target of targets) table.push(targetCells(target));
  return table.toString();
}

/** A target as cells of a table: what, limit, median, spread, met. */
export function targetCells({ what, limit, median, spread, met }: TargetResult): string[] {
  const shown = median === undefined || !spread ? ['', ''] : [String(median), spread.map(short).join(' to ')];
  const verdict = met === undefined ? 'not measured' : met ? 'met' : 'NOT MET';
  return [what, `${limit.is} ${limit.value}`, ...shown, verdict];
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Where in a table a measure stands: " bytes 64, sessions 4". */
export function placeText(at: Place = {}): string {
  const parts = Object.entries(at).map(([name, value]) => `${name} ${value}`);
  return parts.length > 0 ? `, ${parts.join(', ')}` : '';
}

function ratio(value: number, reference: number | undefined): string {
  return reference ? (value / reference).toFixed(2) : '';
}
