import type { CardReport } from '../vm/index.js';
import { lossText, table, type Cell } from './tables.js';

/** A card's state as tables. */
export function cardTables(report: CardReport, slot: number): HTMLTableElement[] {
  const { mac, queuePairs, queuePairsInUse, msixEnabled, features, lanes } = report;
  const facts: Cell[][] = [
    ['Address', mac],
    ['PCI slot', String(slot)],
    ['Queue pairs in use', `${queuePairsInUse} of ${queuePairs}`],
    ['Interrupts', msixEnabled ? `MSI-X, ${report.vectors.length} vectors` : 'one line'],
    ['Features', features.join(' ')],
  ];
  const pairs = lanes.map(({ rxFrames, rxBytes, txFrames, txBytes, dropped, filtered }, pair): Cell[] => {
    const unwanted = Object.values(filtered).reduce((sum, count) => sum + count, 0);
    return [pair, rxFrames, rxBytes, txFrames, txBytes, unwanted, lossText(dropped)];
  });
  const vectors = report.vectors.map(({ vector, use, fired }): Cell[] => [vector, use, fired]);
  return [
    table('facts', [], facts),
    table('pairs', ['Pair', 'rx frames', 'rx bytes', 'tx frames', 'tx bytes', 'Filtered', 'Dropped'], pairs),
    table('vectors', ['Vector', 'Use', 'Fired'], vectors),
  ];
}
