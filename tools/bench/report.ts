import Table from 'cli-table3';

import type { BenchResult } from './results.js';

/** The peers that ratios are taken to. */
const references = ['v86-virtio', 'loopback'] as const;

/** The result as a table for people: medians with their spread, and ratios of the medians. */
export function reportText({ runs, measures }: BenchResult): string {
  const table = new Table({
    head: ['measure', 'unit', 'peer', 'median', 'spread', ...references.map((name) => `÷ ${name}`)],
    colAligns: ['left', 'left', 'left', 'right', 'right', ...references.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  for (const { name, unit, median, spread } of measures) {
    Object.entries(median).forEach(([peer, value], index) => {
      const [least, most] = spread[peer];
      const first = index === 0 ? [name, unit] : ['', ''];
      table.push([...first, peer, value, `${least} to ${most}`, ...references.map((of) => ratio(value, median[of]))]);
    });
  }
  return `${table.toString()}\nMedians of ${runs} ${runs === 1 ? 'run' : 'runs'}.\n`;
}

function ratio(value: number, reference: number | undefined): string {
  return reference ? (value / reference).toFixed(2) : '';
}
