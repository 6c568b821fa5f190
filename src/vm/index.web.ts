/** Booting guests in a browser: what runs anywhere, and on top workers, and snapshots in the browser's cache storage. */
export * from './index.js';
export { SnapshotStorage } from './snapshot.web.js';
export {
  canShareMemory,
  startGuests,
  startWorkerGuests,
  type StartOptions,
  type StartWorkersOptions,
} from './start.web.js';
export { spawnWorker } from './worker/spawn.web.js';
