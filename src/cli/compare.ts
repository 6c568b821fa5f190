import { writeFile } from 'node:fs/promises';

import type { Case } from '../lab/conformance/case.js';
import { count, differs, sideBySide, type ComparedCase, type ResultCounts } from '../lab/conformance/compare.js';
import { comparisonPage } from '../lab/conformance/comparePage.js';
import type { CaseResult, Subject } from '../lab/conformance/run.js';
import { runInSteps } from './conform.js';
import { inSteps } from './steps.js';
import { coloursFor, type Colours, type Output, type Streams } from './streams.js';
import { table } from './tables.js';
import { wrapTightly } from './wrap.js';

export interface CompareSettings {
  /** Two or more. */
  readonly targets: readonly Subject[];
  readonly cases: readonly Case[];
  readonly json: boolean;
  /** Where the report goes; none is made when left out. */
  readonly html?: string | undefined;
}

/** What `vmq conform --compare --json` prints. */
export interface CompareReport {
  readonly targets: readonly string[];
  /** The cases that have not the same result on all targets. */
  readonly differences: readonly ComparedCase[];
  readonly summary: {
    readonly cases: number;
    readonly different: number;
    readonly targets: Readonly<Record<string, ResultCounts>>;
  };
}

/** `vmq conform --compare`: runs the cases against several devices, and shows where they differ. Answers the exit status. */
export async function compare({ targets, cases, json, html }: CompareSettings, streams: Streams): Promise<number> {
  const runs = await inSteps(streams.stderr, async (step) => {
    const done = [];
    for (const subject of targets) {
      done.push({ target: subject.name, results: await runInSteps(subject, cases, step) });
    }
    return done;
  });
  const compared = sideBySide(runs);
  const names = runs.map(({ target }) => target);
  if (html !== undefined) await writeFile(html, comparisonPage(compared, names));
  const differences = compared.filter(differs);
  const report: CompareReport = {
    targets: names,
    differences,
    summary: {
      cases: compared.length,
      different: differences.length,
      targets: Object.fromEntries(runs.map(({ target, results }) => [target, count(results)])),
    },
  };
  streams.stdout.write(json ? `${JSON.stringify(report, undefined, 2)}\n` : compareText(report, streams.stdout));
  return 0;
}

const narrow = 100;
/** Between the columns of a table. */
const gap = 3;
/** A column that is narrower than this says nothing. */
const least = 16;

/** What `vmq conform --compare` shows to people. */
export function compareText({ targets, differences, summary }: CompareReport, out: Output): string {
  const colours = coloursFor(out);
  const failed = differences.filter(({ results }) => Object.values(results).some(({ result }) => result === 'fail'));
  const skipped = differences.filter((one) => !failed.includes(one));
  const counts = targets.map((target) => {
    const { passed, failed, skipped } = summary.targets[target];
    return `${target}: ${passed} passed, ${failed} failed, ${skipped} skipped\n`;
  });
  const width = Math.max(out.columns ?? narrow, (targets.length + 2) * (least + gap));
  const section = (title: string, cases: readonly ComparedCase[]): string =>
    cases.length === 0 ? '' : `${colours.bold(title)}\n\n${drawn(cases, targets, width, colours)}\n\n`;
  return [
    section('Not every target keeps to these', failed),
    section('Not every target can be asked these', skipped),
    ...counts,
    `${summary.different} of ${summary.cases} cases have different results\n`,
  ].join('');
}

const marks: Readonly<Record<CaseResult['result'], (text: string, colours: Colours) => string>> = {
  pass: (text, colours) => text.replace('pass', colours.green('pass')),
  fail: (text, colours) => text.replace('fail', colours.red('FAIL')),
  skip: (text, colours) => colours.dim(text),
};

function drawn(cases: readonly ComparedCase[], targets: readonly string[], width: number, colours: Colours): string {
  const sectionWidth = Math.max('section'.length, ...cases.map(({ section }) => section.length));
  const left = width - sectionWidth - gap * (targets.length + 1);
  const each = Math.floor(left / (targets.length + 1));
  const columns = ['case', 'section', ...targets].map((name) => [name, 'left'] as const);
  const rows = cases.map(({ case: id, section, results }) => [
    // The empty line keeps rows apart.
    `${wrapTightly(id, each)}\n`,
    section,
    ...targets.map((target) => {
      const { result, seen } = results[target];
      return marks[result](wrapTightly(`${result}: ${seen}`, each), colours);
    }),
  ]);
  return table(columns, rows);
}
