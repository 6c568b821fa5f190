import { Signal } from '../../virtio/signal.js';
import { statements, type StatementId } from './statements.js';

/** Where in a queue something was seen. */
export interface Place {
  readonly queue?: number | undefined;
  /** Index of the first descriptor of a buffer of a split queue, or its place in the ring of a packed one. */
  readonly descriptor?: number | undefined;
}

/** A statement of the specification that the driver broke. */
export interface Violation extends Place {
  /** Its id: `split-dri-004`. */
  readonly statement: StatementId;
  /** Section of the specification. */
  readonly section: string;
  /** What the statement says, in short. */
  readonly says: string;
  /** Milliseconds since the driver is watched. */
  readonly time: number;
  /** What the driver did instead. */
  readonly seen: string;
}

/** How often the driver had to do with a statement, and how often it broke it. */
export interface StatementCount {
  readonly statement: StatementId;
  readonly section: string;
  readonly says: string;
  /** Events that were looked at. */
  readonly checked: number;
  readonly violations: number;
}

/** What was seen of a driver. */
export interface DriverReport {
  /** Every statement that is checked, in the order of the specification; those too that never had an event. */
  readonly statements: readonly StatementCount[];
  /** The first violations, oldest first. */
  readonly violations: readonly Violation[];
  /** Violations that came after the list was full. */
  readonly leftOut: number;
}

/** What the checks look at, and what they find. */
export class Findings {
  /** A statement was broken; also for what the list has no room for. */
  readonly onViolation = new Signal<Violation>();
  private readonly counts: Record<StatementId, { checked: number; violations: number }>;
  private readonly violations: Violation[] = [];
  private readonly now: () => number;
  private readonly start: number;
  private readonly limit: number;
  private leftOut = 0;

  /**
   * @param now time in milliseconds
   * @param limit how many violations are kept
   */
  constructor(now: () => number, limit: number) {
    this.now = now;
    this.start = now();
    this.limit = limit;
    this.counts = Object.fromEntries(ids.map((id) => [id, { checked: 0, violations: 0 }])) as typeof this.counts;
  }

  /**
   * One event that a statement is about. Answers whether the driver did right.
   * @param seen called when it did not: says what it did
   */
  check(statement: StatementId, right: boolean, seen: () => string, place: Place = {}): boolean {
    const count = this.counts[statement];
    count.checked++;
    if (right) return true;
    count.violations++;
    const { section, says } = statements[statement];
    const { queue, descriptor } = place;
    const where = { ...(queue !== undefined && { queue }), ...(descriptor !== undefined && { descriptor }) };
    const violation = { statement, section, says, time: this.now() - this.start, ...where, seen: seen() };
    if (this.violations.length < this.limit) this.violations.push(violation);
    else this.leftOut++;
    this.onViolation.emit(violation);
    return false;
  }

  report(): DriverReport {
    return {
      statements: ids.map((id) => ({
        statement: id,
        section: statements[id].section,
        says: statements[id].says,
        ...this.counts[id],
      })),
      violations: [...this.violations],
      leftOut: this.leftOut,
    };
  }
}

const ids = Object.keys(statements) as StatementId[];
