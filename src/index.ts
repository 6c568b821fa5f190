export * from './virtio/index.js';
export * from './pci/index.js';
export * from './net/index.js';
export {
  faults,
  injectFaults,
  type Condition as FaultCondition,
  type FaultCount,
  type FaultInjection,
  type FaultPlan,
  type InjectedFault,
} from './lab/faults/index.js';
