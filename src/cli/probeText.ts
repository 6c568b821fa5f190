import { hex } from '../lab/hex.js';
import { describeRule, type Negotiated, type TreeNode } from '../lab/probe/index.js';
import type { ProbeReport, SweepReport } from './probe.js';
import { coloursFor, type Colours, type Output } from './streams.js';
import { table } from './tables.js';
import { wrap } from './wrap.js';

const narrow = 100;

/** What `vmq probe` shows to people. */
export function probeText(report: ProbeReport, out: Output): string {
  const colours = coloursFor(out);
  const width = Math.min(out.columns ?? narrow, narrow);
  const names = (title: string, list: readonly string[]): string =>
    `${colours.bold(title)} (${list.length})\n${indented(list.length > 0 ? list.join(' ') : 'nothing', width)}\n`;
  const parts = [
    names(`${report.target} offers`, report.offered),
    names('accepted', report.accepted),
    ...(report.readBack ? [names('of which the card remembers', report.readBack)] : []),
    `${colours.bold('steps')}\n${steps(report)}\n`,
    verdict(report, colours, width),
    `${colours.bold('the card')}\n${tree(report.card)}\n`,
  ];
  return parts.join('\n');
}

function indented(text: string, width: number): string {
  return wrap(text, width - 2)
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}

function steps({ steps: list }: Negotiated): string {
  const longest = Math.max(...list.map(({ step }) => step.length));
  return list
    .map(({ step, status, bits }) => `  ${step.padEnd(longest)}  ${hex(status, 1)}  ${bits.join(' ')}`)
    .join('\n');
}

function verdict({ refusal, tolerated }: Negotiated, colours: Colours, width: number): string {
  if (refusal) {
    const reasons = refusal.broken.map((rule) => `  ${describeRule(rule)} (virtio ${rule.section})`);
    const unknown = '  the specification has nothing against what was accepted';
    const { without } = refusal;
    const rest = without.length > 0 ? [indented(`it agrees to the rest without ${without.join(' ')}`, width)] : [];
    const head = colours.red('refused at FEATURES_OK');
    return `${head}\n${[...(reasons.length > 0 ? reasons : [unknown]), ...rest].join('\n')}\n`;
  }
  const agreed = colours.green('the card agreed');
  if (tolerated.length === 0) return `${agreed}\n`;
  const rules = tolerated.map((rule) => `  ${describeRule(rule)} (virtio ${rule.section})`);
  return `${agreed}, though the specification is against it:\n${rules.join('\n')}\n`;
}

function tree(nodes: readonly TreeNode[], before = '  '): string {
  const lines = nodes.flatMap((node, i) => {
    const last = i === nodes.length - 1;
    const inside = `${before}${last ? '  ' : '│ '} `;
    const { children = [] } = node;
    const below = isTable(node) ? registerTable(children, inside) : tree(children, inside);
    return [`${before}${last ? '└─' : '├─'} ${nodeText(node)}`, ...(below === '' ? [] : [below])];
  });
  return lines.join('\n');
}

/** Whether a group is one of groups that all have the same registers, such as those of the queues. */
function isTable({ children = [] }: TreeNode): boolean {
  const names = children.map((child) => child.children?.map(({ name }) => name).join());
  return names.length > 0 && names.every((name) => name !== undefined && name === names[0]);
}

function registerTable(rows: readonly TreeNode[], before: string): string {
  const [first] = rows;
  // The registers of a queue all begin with the word.
  const columns = (first.children ?? []).map(({ name }) => [name.replace(/^queue_/, ''), 'right'] as const);
  const cells = rows.map(({ name, children = [] }) => [name, ...children.map(valueText)]);
  return table([['', 'left'], ...columns], cells)
    .split('\n')
    .map((line) => `${before}${line}`)
    .join('\n');
}

function nodeText(node: TreeNode): string {
  const { name, value, means } = node;
  const shown = value === undefined ? '' : ` ${valueText(node)}`;
  return `${name}${typeof value === 'string' ? ':' : ''}${shown}${means ? ` (${means})` : ''}`;
}

function valueText({ value, width }: TreeNode): string {
  return typeof value === 'number' ? hex(value, width ?? 4) : (value ?? '');
}

const countColumns = [
  ['sets', 'left'],
  ['tried', 'right'],
  ['accepted', 'right'],
  ['refused', 'right'],
  ['not as the specification says', 'right'],
] as const;

const surpriseColumns = [
  ['did', 'left'],
  ['sets', 'right'],
  ['though', 'left'],
] as const;

/** What `vmq probe --sweep` shows to people. */
export function sweepText({ target, offered, counts, surprises, seed }: SweepReport, out: Output): string {
  const colours = coloursFor(out);
  const rows = counts.map((count) => [
    count.kind,
    ...[count.tried, count.accepted, count.refused, count.surprises].map(String),
  ]);
  const head = `${colours.bold(target)} offers ${offered.length} features (seed ${seed})\n\n${table(countColumns, rows)}\n`;
  if (surprises.length === 0) return `${head}\nIt did with every set as the specification says.\n`;
  const reasons = surprises.map(({ did, sets, rule, features }) => {
    return [did, String(sets), features.length > 1 ? `${rule} (there are ${features.length} of them)` : rule];
  });
  const [{ did, example }] = surprises;
  return `${head}\n${table(surpriseColumns, reasons)}\n\nSuch as this, which it ${did}: ${example.join(' ')}\n`;
}
