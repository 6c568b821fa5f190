export { VirtioPciFunction, type VectorUse } from './virtioPci.js';
export type { FaultEvent, NegotiationEvent } from './events.js';
export type { BarSpace, PciFunction, PciHost, RegisterSpace } from './function.js';
export type { VirtioPciState } from './state.js';
