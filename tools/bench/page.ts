import type { BenchResult } from './bench.js';
import { escapeMarkup, plots } from './plot.js';
import { placeText, targetCells } from './report.js';
import type { MeasureResult } from './results.js';

const style = `
:root { color-scheme: light dark; --line: light-dark(#ccc, #444); --pass: light-dark(#156b2f, #6fd08c);
  --fail: light-dark(#b3261e, #ff8a80); }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 84rem; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { text-align: left; border-bottom: 1px solid var(--line); padding: .3rem .8rem .3rem 0; }
.met { color: var(--pass); } .missed { color: var(--fail); font-weight: bold; }
figure { display: inline-block; margin: 0 1rem 1rem 0; max-width: 100%; }
svg { max-width: 100%; height: auto; font: 11px system-ui, sans-serif; }
svg text { fill: CanvasText; } svg .grid { stroke: var(--line); stroke-width: 1; }
svg .spread { stroke: CanvasText; stroke-width: 1.5; } svg .line { fill: none; stroke-width: 2; }`;

/** The results with their plots: one HTML document that needs nothing else. */
export function reportPage(result: BenchResult): string {
  const { runs, machine, suites, measures, targets, skipped } = result;
  const rows = targets.map((target) => {
    const kind = target.met === undefined ? '' : target.met ? 'met' : 'missed';
    const cells = targetCells(target);
    return row(
      cells.map((cell, index) =>
        index === cells.length - 1 ? `<span class="${kind}">${cell}</span>` : escapeMarkup(cell),
      ),
    );
  });
  const notes = [
    ...skipped.map(({ suite, what, why }) => `Not measured: ${what} of ${suite}: ${why}`),
    ...suites.flatMap(({ name, failed }) => (failed === undefined ? [] : [`Suite ${name} failed: ${failed}`])),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>virtio-mq: the benchmark</title>
<style>${style}
</style>
</head>
<body>
<h1>The benchmark</h1>
<p>Medians of ${runs} ${runs === 1 ? 'run' : 'runs'} on ${machine.cores} cores (${escapeMarkup(machine.processor)}), Node ${machine.node}. Lines across bars and
dots show the least and the greatest of all runs.</p>
<ul>${notes.map((note) => `<li class="missed">${escapeMarkup(note)}</li>`).join('')}</ul>
<h2>What it must show</h2>
${table(['measure', 'limit', 'median', 'spread', ''], rows)}
${suites
  .map(({ name, seconds }) =>
    suiteSection(
      name,
      seconds,
      measures.filter(({ suite }) => suite === name),
    ),
  )
  .join('\n')}
</body>
</html>
`;
}

function suiteSection(name: string, seconds: number, measures: readonly MeasureResult[]): string {
  const figures = plots(measures).map(
    ({ title, svg }) => `<figure><figcaption>${escapeMarkup(title)}</figcaption>${svg}</figure>`,
  );
  const rows = measures.flatMap(({ name: measure, at, unit, median, spread }) =>
    Object.keys(median).map((peer) => {
      const cells = [`${measure}${placeText(at)}`, unit, peer, median[peer], spread[peer].join(' to ')];
      return row(cells.map((cell) => escapeMarkup(String(cell))));
    }),
  );
  return `<h2>${escapeMarkup(name)}</h2>
<p>It took ${seconds} s.</p>
${figures.join('\n')}
<details><summary>Figures</summary>
${table(['measure', 'unit', 'peer', 'median', 'spread'], rows)}
</details>`;
}

function table(head: readonly string[], rows: readonly string[]): string {
  return `<table>
<thead><tr>${head.map((cell) => `<th>${cell}</th>`).join('')}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>`;
}

/** @param cells markup */
function row(cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}
