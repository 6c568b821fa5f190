/**
 * The laboratory as a library: `checkDriver` watches the driver of a card, `injectFaults` has a card misbehave, and
 * `inProcess` is a card without an emulator, for the driver in `virtio-mq/driver`.
 */
export * from './checker/index.js';
export * from './faults/index.js';
export { interpose, type MethodName } from './interpose.js';
export { inProcess, type InProcessTarget } from './targets/inProcess.js';
export type { Offload, Target, Wire, WireFrame } from './targets/target.js';
