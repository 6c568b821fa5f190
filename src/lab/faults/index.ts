export type { Card } from './bench.js';
export type { Condition } from './condition.js';
export { checkCondition, conditionFields, type ConditionField } from './conditionFields.js';
export type { Fault } from './fault.js';
export { faults } from './faults.js';
export { injectFaults, type FaultCount, type FaultInjection, type FaultPlan, type InjectedFault } from './inject.js';
