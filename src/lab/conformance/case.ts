import type { FeatureName } from '../../driver/index.js';
import type { Bench } from './bench.js';

/** The card that a case wants. What is left out is as the target has it by default: all that it can. */
export interface CardWish {
  /** Queue pairs; 4 when left out. A target that can't have so many has fewer: cases look at the configuration. */
  readonly pairs?: number;
  /** With a legacy interface too (virtio 1.3.1). */
  readonly transitional?: boolean;
  /** Features to be offered that are not by default, or (false) to be left out. */
  readonly offer?: Readonly<Partial<Record<FeatureName, boolean>>>;
}

/** A statement of the specification about devices, and how to see whether a device keeps to it. */
export interface Case {
  /** In kebab-case; it begins with what the case is about. */
  readonly id: string;
  /** Ids of the index of normative statements: split-dev-012. */
  readonly statements: readonly string[];
  /** The section of the specification (virtio 1.3, or 1.4 where that has it first). */
  readonly section: string;
  /** What a device that conforms does, in a few words of our own. */
  readonly expects: string;
  readonly card?: CardWish;
  /** Features without which there is nothing to see; where one is not offered, the case is skipped. */
  readonly needs?: readonly FeatureName[];
  /**
   * Drives the card, and answers what was seen.
   * @throws Nonconformance when the device broke the rule
   * @throws Skipped when the target gives no way to see it
   */
  run(bench: Bench): Promise<string>;
}

/** The device did otherwise; the message says what was seen. */
export class Nonconformance extends Error {
  override readonly name = 'Nonconformance';
}

/** This can't be shown with this target; the message says why. */
export class Skipped extends Error {
  override readonly name = 'Skipped';
}

/** Answers what was seen, if the device kept to the rule. @throws Nonconformance if not */
export function claim(holds: boolean, seen: string): string {
  if (!holds) throw new Nonconformance(seen);
  return seen;
}
