import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';

import { allCases } from '../../src/lab/conformance/cases.js';
import { differs, sideBySide, type ComparedCase } from '../../src/lab/conformance/compare.js';
import { runCases } from '../../src/lab/conformance/run.js';
import { subjects } from '../../src/lab/conformance/subjects.node.js';
import { checkTapNetwork } from '../../src/lab/targets/qemuTap.node.js';

/** The cases in the first column of the tables below a heading of differences.md. */
function listed(heading: string): string[] {
  const text = readFileSync(new URL('../conformance/differences.md', import.meta.url), 'utf8');
  const section = text.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? '';
  const cells = section.split('\n').map((line) => /^\| (`.*?) +\|/.exec(line)?.[1] ?? '');
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, id]) => id));
}

const ours = 'virtio-mq';
const columns = [
  { name: 'qemu', heading: 'QEMU' },
  { name: 'v86', heading: 'v86' },
];

/** A tap has offloads and more than one pair. Without one QEMU's card shows less, but does nothing else. */
const hasTaps = await checkTapNetwork().then(
  () => true,
  () => false,
);

const minutes = 60_000;
let cases: ComparedCase[];

beforeAll(async () => {
  const runs = [];
  for (const target of [ours, ...columns.map(({ name }) => name)]) {
    runs.push({ target, results: await runCases(subjects[target], allCases) });
  }
  cases = sideBySide(runs);
}, 10 * minutes);

describe.each(columns)('differences.md tells of $name', ({ name, heading }) => {
  const onlyFailures = name === 'qemu' && !hasTaps;
  const pair = ({ results }: ComparedCase) => ({ results: { [ours]: results[ours], [name]: results[name] } });

  it(onlyFailures ? 'each case that fails there (no tap can be made here)' : 'each case that differs', () => {
    const known = listed(heading);
    const unlisted = cases.filter((one) => {
      const { result } = one.results[name];
      return (onlyFailures ? result === 'fail' : differs(pair(one))) && !known.includes(one.case);
    });
    expect(
      unlisted.map((one) => `${one.case} (${one.section}): ${one.results[name].result}, ${one.results[name].seen}`),
    ).toEqual([]);
  });

  it(onlyFailures ? 'only cases that there are' : 'only cases that differ', () => {
    const known = listed(heading);
    expect(known).toEqual([...new Set(known)]);
    const there = onlyFailures ? cases : cases.filter((one) => differs(pair(one)));
    const ids = there.map((one) => one.case);
    expect(known.filter((id) => !ids.includes(id))).toEqual([]);
  });
});
