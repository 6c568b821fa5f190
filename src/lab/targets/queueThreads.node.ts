import { setTimeout as wait } from 'node:timers/promises';

import type { NetDeviceOptions } from '../../net/index.js';
import { spawnQueueWorkers } from '../../queues/index.node.js';
import { queueThreads, type QueueThreadsTarget } from './queueThreads.js';

/** The same with workers for threads, whose time is that of this world. @param script what they run, see `spawnQueueWorkers` */
export function queueWorkers(count: number, options: Partial<NetDeviceOptions> = {}, script?: URL): QueueThreadsTarget {
  return queueThreads(count, options, (plan, rung) => {
    const { calls, ended } = spawnQueueWorkers(plan, rung, script);
    return { calls, advance: (milliseconds) => wait(milliseconds), close: ended };
  });
}
