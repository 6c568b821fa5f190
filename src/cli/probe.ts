import { openModern, type FeatureName } from '../driver/index.js';
import {
  negotiateStepByStep,
  readTree,
  sweep,
  type Negotiated,
  type Sweep,
  type TreeNode,
} from '../lab/probe/index.js';
import type { Subject } from '../lab/conformance/run.js';
import type { Target } from '../lab/targets/target.js';
import { UserError } from '../vm/index.node.js';
import type { Acceptance } from './acceptance.js';
import { probeText, sweepText } from './probeText.js';
import { inSteps, type Step } from './steps.js';
import type { Output, Streams } from './streams.js';

export interface ProbeSettings {
  readonly target: Subject;
  readonly offer: Readonly<Partial<Record<FeatureName, boolean>>>;
  /** What to accept; all that is offered when left out. */
  readonly accept?: Acceptance | undefined;
  /** Negotiate many sets, and this many by chance among them. */
  readonly sweep?: { readonly random: number; readonly seed: number } | undefined;
  readonly json: boolean;
}

/** What `vmq probe --json` prints. */
export interface ProbeReport extends Negotiated {
  readonly target: string;
  readonly card: readonly TreeNode[];
}

/** What `vmq probe --sweep --json` prints. */
export interface SweepReport extends Sweep {
  readonly target: string;
}

/**
 * `vmq probe`: shows what a card offers and how it negotiates. Answers the exit status: 0 when the card agreed, or in a
 * sweep did with every set as the specification says.
 */
export async function probe(settings: ProbeSettings, { stdout, stderr }: Streams): Promise<number> {
  const { status, text } = await inSteps(stderr, async (step) => {
    const target = await makeTarget(settings);
    try {
      return settings.sweep
        ? await sweepTarget(target, settings, stdout, step)
        : await probeTarget(target, settings, stdout);
    } finally {
      await target.close();
    }
  });
  stdout.write(text);
  return status;
}

/** The exit status, and what there is to print. */
interface Shown {
  readonly status: number;
  readonly text: string;
}

async function probeTarget(target: Target, settings: ProbeSettings, stdout: Output): Promise<Shown> {
  const transport = await openModern(target.machine);
  const negotiated = await negotiateStepByStep(transport, settings.accept ?? ((offered) => offered));
  const card = await readTree(transport, await transport.offered());
  const report: ProbeReport = { target: settings.target.name, ...negotiated, card };
  return { status: negotiated.refusal ? 1 : 0, text: settings.json ? json(report) : probeText(report, stdout) };
}

async function sweepTarget(target: Target, settings: ProbeSettings, stdout: Output, step: Step): Promise<Shown> {
  const transport = await openModern(target.machine);
  const found = await sweep(transport, {
    ...settings.sweep,
    progress: (done, all) => step(`${settings.target.name}: set ${done} of ${all}`, done / all),
  });
  const report: SweepReport = { target: settings.target.name, ...found };
  const status = found.surprises.length === 0 ? 0 : 1;
  return { status, text: settings.json ? json(report) : sweepText(report, stdout) };
}

function json(report: unknown): string {
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

/** @throws UserError when the target can't offer what is wished */
async function makeTarget({ target, offer }: ProbeSettings): Promise<Target> {
  const foreign = Object.keys(offer).find((name) => !target.choices.includes(name as FeatureName));
  if (foreign !== undefined) {
    const can =
      target.choices.length === 0 ? 'it offers what it offers' : `it can be told of ${target.choices.join(', ')}`;
    throw new UserError(`--offer: ${target.name} has no switch for ${foreign}; ${can}.`);
  }
  try {
    return await target.make({ offer });
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(`--offer can't be: ${error.message}.`);
    throw error;
  }
}
