/** Booting guests and talking to them: what runs in Node and in a browser alike. */
export { cardReport, cardUse, type CardReport, type CardUse } from './cardReport.js';
export { attachToPort, bringUp, type CardOptions, type GuestCard } from './cards.js';
export { GuestConsole, type SerialLine, type WaitOptions } from './console.js';
export type { MachineFiles } from './emulator.js';
export { UserError } from './errors.js';
export { GuestEnded, GuestTimeout } from './failures.js';
export { Guest, RunningGuest, defaultMemoryMiB, kernelCommandLine, type GuestOptions } from './guest.js';
export { shareOfLosses, withLosses } from './losses.js';
export { brokenRuleText, type GuestProblem } from './problems.js';
export { Shell, type RunOptions, type RunResult } from './shell.js';
export type { CommonStartOptions, CommonWorkersOptions, SnapshotStore, StartProgress } from './start.js';
export { WorkerGuest, type GuestWorker, type WorkerCard, type WorkerGuestOptions } from './worker/guest.js';
export { WorkerHost, type WorkerCardOptions } from './worker/host.js';
