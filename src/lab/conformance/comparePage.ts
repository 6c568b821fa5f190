import { differs, type ComparedCase } from './compare.js';

/** The chapters of the specification that have cases, by the beginning of their section numbers. */
const chapters = [
  ['2', 'Basic facilities'],
  ['3', 'Initialisation and operation'],
  ['4', 'Transports: PCI'],
  ['5', 'Device types: network card'],
  ['6', 'Reserved feature bits'],
] as const;

const style = `
:root { color-scheme: light dark; --line: light-dark(#ccc, #444); --dim: light-dark(#666, #999);
  --pass: light-dark(#156b2f, #6fd08c); --fail: light-dark(#b3261e, #ff8a80); }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 100rem; padding: 0 1rem; }
form { position: sticky; top: 0; background: Canvas; padding: .6rem 0; display: flex; flex-wrap: wrap; gap: .8rem; }
input, select { font: inherit; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); padding: .45rem .6rem .45rem 0;
  overflow-wrap: anywhere; }
small { color: var(--dim); display: block; }
.pass b { color: var(--pass); } .fail b { color: var(--fail); } .skip { color: var(--dim); }`;

/**
 * Shows the rows that the form asks for. It reads what a row is from its data attributes: \`text\`, \`chapter\`, \`differs\`,
 * and a word target:result for each target.
 */
const script = `
const form = document.querySelector('form'), rows = [...document.querySelectorAll('tbody tr')];
function show() {
  const { text, target, result, chapter, differs } = form.elements;
  const words = text.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const data = row.dataset, results = data.results.split(' ');
    const wanted = results.some((each) => {
      const [name, outcome] = each.split(':');
      return (!target.value || target.value === name) && (!result.value || result.value === outcome);
    });
    row.hidden = !(wanted && words.every((word) => data.text.includes(word)) &&
      (!chapter.value || chapter.value === data.chapter) && (!differs.checked || data.differs === 'true'));
    if (!row.hidden) shown++;
  }
  document.querySelector('output').textContent = shown + ' of ' + rows.length + ' cases';
}
form.addEventListener('input', show);
form.addEventListener('submit', (event) => event.preventDefault());
show();`;

/** A report of all cases on all targets: one HTML document that needs nothing else, with a filter. */
export function comparisonPage(cases: readonly ComparedCase[], targets: readonly string[]): string {
  const differing = cases.filter(differs).length;
  const found = chapters.filter(([chapter]) => cases.some(({ section }) => section.startsWith(`${chapter}.`)));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>virtio-net cards side by side</title>
<style>${style}
</style>
</head>
<body>
<h1>${escape(targets.join(', '))}: ${cases.length} cases of the virtio specification</h1>
<p>${differing} of them have different results.</p>
<form>
<label>Text <input name="text" type="search" size="24" placeholder="case, statement, words"></label>
${select('target', 'Target', ['any', ...targets])}
${select('result', 'Result', ['any', 'pass', 'fail', 'skip'])}
<label>Chapter <select name="chapter"><option value="">any</option>${found
    .map(([chapter, name]) => `<option value="${chapter}">${chapter} ${name}</option>`)
    .join('')}</select></label>
<label><input name="differs" type="checkbox"> different results only</label>
<output></output>
</form>
<table>
<thead><tr><th>Case</th><th>Expected</th>${targets.map((target) => `<th>${escape(target)}</th>`).join('')}</tr></thead>
<tbody>
${cases.map((one) => row(one, targets)).join('\n')}
</tbody>
</table>
<script>${script}
</script>
</body>
</html>
`;
}

/** A choice of which the first is no choice. */
function select(name: string, label: string, [none, ...values]: readonly string[]): string {
  const options = values.map((value) => `<option>${escape(value)}</option>`).join('');
  return `<label>${label} <select name="${name}"><option value="">${none}</option>${options}</select></label>`;
}

function row(one: ComparedCase, targets: readonly string[]): string {
  const outcomes = targets.map((target) => [target, one.results[target]] as const);
  const text = [one.case, one.section, ...one.statements, one.expected, ...outcomes.map(([, { seen }]) => seen)];
  const data = {
    text: text.join(' ').toLowerCase(),
    chapter: one.section.split('.')[0],
    differs: String(differs(one)),
    results: outcomes.map(([target, { result }]) => `${target}:${result}`).join(' '),
  };
  const attributes = Object.entries(data).map(([name, value]) => `data-${name}="${escape(value)}"`);
  const cells = outcomes.map(([, { result, seen }]) => `<td class="${result}"><b>${result}</b> ${escape(seen)}</td>`);
  const what = `<td>${escape(one.case)}<small>${escape(one.section)}: ${escape(one.statements.join(', '))}</small></td>`;
  return `<tr ${attributes.join(' ')}>${what}<td>${escape(one.expected)}</td>${cells.join('')}</tr>`;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => entities[character]);
}
