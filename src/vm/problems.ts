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

export type ReportProblem = (problem: GuestProblem) => void;

export function watchMachine(emulator: V86, report: ReportProblem): void {
  pciBusOf(emulator).onError.on(({ error }) => report({ message: error.message }));
}

export function watchCard({ function: fn, slot }: VirtioNetCard, report: ReportProblem): void {
  fn.onFault.on(({ fault: { message, rule, queue }, needsReset }) => {
    report({ message, fault: { slot, rule, queue, needsReset } });
  });
}
