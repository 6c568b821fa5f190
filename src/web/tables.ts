export type Cell = string | number | HTMLElement;

/** A table, of its own class. Columns of numbers stand to the right. */
export function table(name: string, headings: readonly string[], rows: readonly (readonly Cell[])[]): HTMLTableElement {
  const element = document.createElement('table');
  element.className = name;
  if (headings.length > 0) {
    const row = element.createTHead().insertRow();
    row.append(...headings.map((heading, column) => cell('th', heading, rows[0]?.[column])));
  }
  const body = element.createTBody();
  for (const row of rows) body.insertRow().append(...row.map((content) => cell('td', content, content)));
  return element;
}

function cell(name: 'th' | 'td', content: Cell, like: Cell | undefined): HTMLElement {
  const made = document.createElement(name);
  made.append(typeof content === 'number' ? content.toLocaleString('en') : content);
  if (typeof like === 'number') made.className = 'number';
  return made;
}

/** What was lost, by reason. */
export function lossText(dropped: Readonly<Partial<Record<string, number>>>): string {
  const lost = Object.entries(dropped).map(([reason, count]) => `${reason} ${count}`);
  return lost.join(', ') || 'none';
}
