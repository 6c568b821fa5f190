import { setTimeout as wait } from 'node:timers/promises';

import type { NetDeviceOptions } from '../../net/index.js';
import { spawnQueueWorkers } from '../../queues/index.node.js';
import { queueThreadsMachines, type QueueThreadsTarget } from './queueThreads.js';

/** The same with workers for threads, whose time is that of this world. @param script what they run, see `spawnQueueWorkers` */
export function queueWorkers(count: number, options: Partial<NetDeviceOptions> = {}, script?: URL): QueueThreadsTarget {
  return queueWorkersMachines(count, [options], false, script)[0];
}

/** Several machines, served by the same workers; see `queueThreadsMachines`. */
export function queueWorkersMachines(
  count: number,
  options: readonly Partial<NetDeviceOptions>[],
  joined: boolean,
  script?: URL,
): QueueThreadsTarget[] {
  return queueThreadsMachines(count, options, joined, (plan, rung) => {
    const { calls, ended } = spawnQueueWorkers(plan, rung, script);
    return { calls, advance: (milliseconds) => wait(milliseconds), close: ended };
  });
}
