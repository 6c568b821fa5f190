export { VirtioPciFunction, type FaultEvent, type NegotiationEvent, type VectorUse } from './virtioPci.js';
export type { BarSpace, PciFunction, PciHost, RegisterSpace } from './function.js';
export type { VirtioPciState } from './state.js';
