/** Booting guests in Node: what runs anywhere, and on top the guest image, the caches, and files. */
export * from './index.js';
export { cacheDirectory } from './cache.node.js';
export { machineFiles, type OwnFiles } from './files.node.js';
export { buildGuestImage, type GuestImage, type GuestImageOptions, type ImageProgress } from './image/build.node.js';
export { SnapshotCache } from './snapshot.node.js';
export { startGuests, startWorkerGuests, type StartOptions, type StartWorkersOptions } from './start.node.js';
export { spawnWorker } from './worker/spawn.node.js';
export { v86Module, v86Version } from './v86.node.js';
