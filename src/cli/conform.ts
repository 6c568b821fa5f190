import { allCases } from '../lab/conformance/cases.js';
import type { Case } from '../lab/conformance/case.js';
import { count } from '../lab/conformance/compare.js';
import { runCases, type CaseResult, type Subject } from '../lab/conformance/run.js';
import { subjects } from '../lab/conformance/subjects.node.js';
import { UserError } from '../vm/index.node.js';
import { similarNames } from './similar.js';
import { inSteps, type Step } from './steps.js';
import { coloursFor, type Streams } from './streams.js';

export interface ConformSettings {
  readonly target: Subject;
  readonly cases: readonly Case[];
  readonly json: boolean;
}

/** `vmq conform`: runs the cases of the specification against a device. Answers the exit status: 0 when none failed. */
export async function conform({ target, cases, json }: ConformSettings, streams: Streams): Promise<number> {
  const results = await inSteps(streams.stderr, (step) => runInSteps(target, cases, step));
  const summary = count(results);
  if (json) {
    streams.stdout.write(`${JSON.stringify({ target: target.name, results, summary }, undefined, 2)}\n`);
  } else {
    const colours = coloursFor(streams.stdout);
    const mark = { pass: colours.green('pass'), fail: colours.red('FAIL'), skip: colours.dim('skip') };
    for (const { result, ...one } of results) {
      streams.stdout.write(`${mark[result]}  ${one.case}  (virtio ${one.section}: ${one.statements.join(', ')})\n`);
      streams.stdout.write(`      expected: ${one.expected}\n      seen:     ${one.seen}\n`);
    }
    const { passed, failed, skipped } = summary;
    streams.stdout.write(`\n${target.name}: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  }
  return summary.failed === 0 ? 0 : 1;
}

/** Runs the cases, each of them a step. */
export function runInSteps(subject: Subject, cases: readonly Case[], step: Step): Promise<CaseResult[]> {
  return runCases(subject, cases, (index, { id }) => step(`${subject.name}: ${id}`, index / cases.length));
}

/** Reads the value of an option that names a device. @throws UserError when there is no such device */
export function subjectNamed(option: string): (text: string) => Subject {
  return (text) => {
    if (Object.hasOwn(subjects, text)) return subjects[text];
    throw new UserError(`--${option} takes ${Object.keys(subjects).join(' or ')}; '${text}' is not one.`);
  };
}

/** Reads the value of --compare: several devices. @throws UserError when one is unknown or named twice, or is alone */
export function subjectsNamed(text: string): readonly Subject[] {
  const names = text.split(',');
  const unknown = names.find((name) => !Object.hasOwn(subjects, name));
  const known = Object.keys(subjects).join(', ');
  if (unknown !== undefined) {
    throw new UserError(`--compare takes two or more of ${known}, with commas; '${unknown}' is not one.`);
  }
  if (names.length < 2 || new Set(names).size < names.length) {
    throw new UserError(`--compare takes two or more different ones of ${known}, with commas; got '${text}'.`);
  }
  return names.map((name) => subjects[name]);
}

/**
 * The cases that are named, each by its own id or by that of a statement it shows, in the specification's order; all
 * when none is named.
 * @throws UserError for a name that is neither
 */
export function casesNamed(names: readonly string[] = []): readonly Case[] {
  const unknown = names.find((name) => !allCases.some((one) => isNamed(one, [name])));
  if (unknown !== undefined) {
    const known = allCases.flatMap(({ id, statements }) => [id, ...statements]);
    const [near] = similarNames(unknown, [...new Set(known)]);
    const hint = near === undefined ? '' : ` Did you mean '${near}'?`;
    throw new UserError(`--case takes the id of a case or of a statement; '${unknown}' is neither.${hint}`);
  }
  return names.length === 0 ? allCases : allCases.filter((one) => isNamed(one, names));
}

function isNamed({ id, statements }: Case, names: readonly string[]): boolean {
  return names.includes(id) || statements.some((statement) => names.includes(statement));
}
