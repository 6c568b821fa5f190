import type { VirtioNetCard } from '../hosts/v86/index.js';
import { featureNames } from '../virtio/index.js';

type Cell = string | number;

/** The card's state as tables. */
export function cardTables({ device, function: pci, slot }: VirtioNetCard): HTMLTableElement[] {
  const facts: Cell[][] = [
    ['Address', device.mac],
    ['PCI slot', String(slot)],
    ['Queue pairs in use', `${device.lanes} of ${device.maxQueuePairs}`],
    ['Interrupts', pci.msix.enabled ? `MSI-X, ${pci.msix.vectors} vectors` : 'one line'],
    ['Features', featureNames(pci.negotiation.features, device.featureTable).join(' ')],
  ];
  const pairs = device.counters.map(({ rxFrames, rxBytes, txFrames, txBytes, dropped, filtered }, pair): Cell[] => {
    const lost = Object.entries(dropped).map(([reason, count]) => `${reason} ${count}`);
    const unwanted = Object.values(filtered).reduce((sum, count) => sum + count, 0);
    return [pair, rxFrames, rxBytes, txFrames, txBytes, unwanted, lost.join(', ') || 'none'];
  });
  const vectors = pci.vectorUses().map(({ vector, use, fired }): Cell[] => [vector, use, fired]);
  return [
    table('facts', [], facts),
    table('pairs', ['Pair', 'rx frames', 'rx bytes', 'tx frames', 'tx bytes', 'Filtered', 'Dropped'], pairs),
    table('vectors', ['Vector', 'Use', 'Fired'], vectors),
  ];
}

/** Columns of numbers stand to the right. */
function table(id: string, headings: readonly string[], rows: readonly (readonly Cell[])[]): HTMLTableElement {
  const element = document.createElement('table');
  element.id = id;
  const cell = (name: 'th' | 'td', content: Cell, like: Cell | undefined): HTMLElement => {
    const made = document.createElement(name);
    made.textContent = content.toLocaleString('en');
    if (typeof like === 'number') made.className = 'number';
    return made;
  };
  if (headings.length > 0) {
    const row = element.createTHead().insertRow();
    row.append(...headings.map((heading, column) => cell('th', heading, rows[0]?.[column])));
  }
  const body = element.createTBody();
  for (const row of rows) body.insertRow().append(...row.map((content) => cell('td', content, content)));
  return element;
}
