import { conditionFields, conditionsOf, conditionText, faults, type Condition } from '../lab/faults/index.js';
import type { Streams } from './streams.js';
import type { StationReport } from './network.js';
import { table } from './tables.js';
import { wrap } from './wrap.js';

/** What `vmq faults --json` prints of each fault. */
export interface FaultReport {
  readonly name: string;
  readonly does: string;
  /** What the specification lets a driver expect, or asks of it. */
  readonly expects: string;
  /** Sections of the specification (virtio 1.3). */
  readonly spec: string;
  /** What conditions count. */
  readonly event: string;
  /** What holds where nothing else is said. */
  readonly when: Condition;
  /** What can be said of when it happens. */
  readonly conditions: readonly (keyof Condition)[];
}

export function faultList(): FaultReport[] {
  return faults.map((fault) => {
    const { name, does, expects, spec, event, when = {} } = fault;
    return { name, does, expects, spec, event, when, conditions: conditionsOf(fault) };
  });
}

const faultColumns = [
  ['fault', 'left'],
  ['what the device does', 'left'],
  ['what a driver may expect', 'left'],
  ['section', 'left'],
  ['event', 'left'],
] as const;

const conditionColumns = [
  ['condition', 'left'],
  ['meaning', 'left'],
] as const;

const width = 36;

/** `vmq faults`: lists how a card can misbehave on request. */
export function showFaults(json: boolean, { stdout }: Streams): number {
  const list = faultList();
  if (json) {
    stdout.write(`${JSON.stringify(list, undefined, 2)}\n`);
    return 0;
  }
  const rows = list.map(({ name, does, expects, spec, event, when }) => [
    faultText(name, when, '\n'),
    ...[does, expects].map((text) => wrap(text, width)),
    spec.replaceAll(', ', '\n'),
    wrap(event, width / 2),
  ]);
  const conditions = Object.values(conditionFields).map(({ example, means }) => [example, means]);
  stdout.write(`${table(faultColumns, rows)}\n\n`);
  stdout.write(`${table(conditionColumns, [...conditions, ['guest=2', 'in this guest only']])}\n\n`);
  stdout.write('vmq boot --fault interrupt-lost@queue=input.0,every=10 --exec …\n');
  return 0;
}

/** A fault as --fault takes it, here with something before the @. */
function faultText(name: string, when: Condition, before = ''): string {
  const conditions = conditionText(when);
  return conditions === '' ? name : `${name}${before}@${conditions}`;
}

const countColumns = [
  ['guest', 'right'],
  ['injected fault', 'left'],
  ['happened', 'right'],
] as const;

/** How often each injected fault happened in each guest; no table where none was injected. */
export function faultTables(stations: readonly StationReport[]): string[] {
  const rows = stations.flatMap(({ number, injected }) =>
    injected.map(({ fault, when, count }) => [String(number), faultText(fault, when), String(count)]),
  );
  return rows.length > 0 ? [table(countColumns, rows)] : [];
}
