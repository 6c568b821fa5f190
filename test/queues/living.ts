import type { NetDeviceOptions } from '../../src/net/index.js';
import { queueThreads, type QueueThreadsTarget } from '../../src/lab/targets/queueThreads.js';
import { QueueService } from '../../src/queues/index.js';

/**
 * A card whose pairs are served by threads that are all in this one and yet live, as threads do that run beside the others:
 * each does its work before it answers. What they ring for is not heard, so that they tell it with their next answer.
 */
export class LivingThreads {
  readonly target: QueueThreadsTarget;
  /** Called when a thread is asked for something, before it does its work and answers. */
  asked: (method: string) => void = () => undefined;
  private services: readonly QueueService[] = [];

  constructor(count: number, options: Partial<NetDeviceOptions> = {}) {
    this.target = queueThreads(count, options, (plan) => {
      this.services = Array.from(
        { length: count },
        (_, thread) =>
          new QueueService(
            plan,
            thread,
            () => 0,
            () => undefined,
          ),
      );
      return {
        calls: this.services.map((service) => (method, args) => {
          this.asked(method);
          service.poll();
          return service.answer(method, args);
        }),
        advance: () => Promise.resolve(),
        close: () => Promise.resolve(),
      };
    });
  }

  /** The threads do what there is to do. */
  work(): void {
    while (this.services.map((service) => service.poll()).includes(true));
  }
}
