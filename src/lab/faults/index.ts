export type { Card } from './bench.js';
export { checkCondition, conditionsOf, hasQueue } from './checkCondition.js';
export type { Condition } from './condition.js';
export { conditionFields, conditionText, type ConditionField } from './conditionFields.js';
export type { Fault } from './fault.js';
export { faults } from './faults.js';
export { injectFaults, type FaultCount, type FaultInjection, type FaultPlan, type InjectedFault } from './inject.js';
