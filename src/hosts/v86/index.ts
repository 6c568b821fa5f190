/** Cards for npm's v86: the only part that knows that emulator. */
export { attachPciFunction, attachVirtioNet, type VirtioNetCard, type VirtioNetOptions } from './attach.js';
export { AttachError, UnplugError } from './errors.js';
export { pciBusOf, type PciBus, type PciBusError, type PlugOptions, type UnplugOptions } from './pciBus.js';
export type { Companion } from './execution.js';
export { systemClock } from './clock.js';
