import type { StatementId, Violation } from '../lab/checker/index.js';
import type { StationReport } from './network.js';
import { table } from './tables.js';

const columns = [
  ['guest', 'right'],
  ['statement', 'left'],
  ['section', 'left'],
  ['broken', 'right'],
  ['of', 'right'],
  ['what it says', 'left'],
  ['what was seen first', 'left'],
] as const;

/** Of the guests whose driver was watched: which statements it broke, and how much was looked at. */
export function driverTables(stations: readonly StationReport[]): string[] {
  const watched = stations.flatMap(({ number, driver }) => (driver ? [{ number, report: driver }] : []));
  if (watched.length === 0) return [];
  const rows = watched.flatMap(({ number, report: { statements, violations } }) => {
    const first = firstOf(violations);
    return statements
      .filter((count) => count.violations > 0)
      .map(({ statement, section, says, checked, violations: broken }) => [
        ...[String(number), statement, section, String(broken), String(checked), says],
        first.get(statement)?.seen ?? '',
      ]);
  });
  const totals = watched.map(({ number, report: { statements } }) => {
    const seen = statements.filter(({ checked }) => checked > 0);
    const events = seen.reduce((sum, { checked }) => sum + checked, 0);
    const broken = seen.filter(({ violations }) => violations > 0).length;
    const kept = broken === 0 ? 'kept all' : `broke ${broken}`;
    return `The driver of guest ${number} ${kept} of ${seen.length} statements that it had to do with, in ${events} events.`;
  });
  return [totals.join('\n'), ...(rows.length > 0 ? [table(columns, rows)] : [])];
}

function firstOf(violations: readonly Violation[]): Map<StatementId, Violation> {
  const first = new Map<StatementId, Violation>();
  for (const violation of violations) if (!first.has(violation.statement)) first.set(violation.statement, violation);
  return first;
}
