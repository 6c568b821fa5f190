import type { FaultEvent } from '../../pci/index.js';

/** A rule that a card's driver broke, once or more often. */
export interface FaultEntry {
  /** The rule's name in `driverRules`. */
  readonly rule: string;
  /** What the rule says, and what was wrong the first time. */
  readonly message: string;
  /** Whether the card could not go on until its driver reset it, at least once. */
  needsReset: boolean;
  count: number;
}

/** What a card's driver did wrong. A driver that goes on and on makes no more than one entry for each rule. */
export class FaultLog {
  private readonly byRule = new Map<string, FaultEntry>();

  get entries(): FaultEntry[] {
    return [...this.byRule.values()];
  }

  /** Notes a fault. Answers whether it is the first against its rule. */
  add({ fault, needsReset }: FaultEvent): boolean {
    const known = this.byRule.get(fault.rule);
    if (known) {
      known.count++;
      known.needsReset ||= needsReset;
      return false;
    }
    this.byRule.set(fault.rule, { rule: fault.rule, message: fault.message, needsReset, count: 1 });
    return true;
  }
}
