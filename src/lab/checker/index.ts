/** The driver checker: watches a driver at work, and says which statements of the specification it breaks. */
export { checkDriver, DriverChecker, type CheckOptions } from './checker.js';
export type { DriverReport, Place, StatementCount, Violation } from './findings.js';
export { statements, type Statement, type StatementId } from './statements.js';
