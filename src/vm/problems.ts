import type { V86 } from 'v86';

import { pciBusOf, type VirtioNetCard } from '../hosts/v86/index.js';

/** Something that went wrong in a guest that goes on all the same, as plain data. */
export interface GuestProblem {
  readonly message: string;
  /** What the driver of the card in this slot did wrong; undefined where it is the machine that broke. */
  readonly fault?: {
    readonly slot: number;
    /** See `DriverRule`. */
    readonly rule: string;
    readonly queue: number | undefined;
    /** The card can't go on until its driver resets it. */
    readonly needsReset: boolean;
  };
}

/** For a person: a driver broke a rule. @param what whose driver it is. @param message what the rule says, and what was wrong */
export function brokenRuleText(what: string, message: string, needsReset: boolean): string {
  const consequence = needsReset ? ' The card waits for its driver to reset it.' : '';
  return `The driver of ${what} broke a rule: ${message}.${consequence}`;
}

export type ReportProblem = (problem: GuestProblem) => void;

export function watchMachine(emulator: V86, report: ReportProblem): void {
  pciBusOf(emulator).onError.on(({ error }) => report({ message: error.message }));
}

export function watchCard({ function: fn, slot }: VirtioNetCard, report: ReportProblem): void {
  fn.onFault.on(({ fault: { message, rule, queue }, needsReset }) => {
    report({ message, fault: { slot, rule, queue, needsReset } });
  });
}
