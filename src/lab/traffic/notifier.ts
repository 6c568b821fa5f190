import { Sleeper } from '../../fabric/index.js';
import { Doorbells, type QueuePlan } from '../../queues/index.js';

/** How a driver in any thread notifies of a card's queues: it rings the doorbell, and wakes whoever serves the queue. */
export function notifier({ cards, asleep }: QueuePlan, card: number): (queue: number) => void {
  const doorbells = new Doorbells(cards[card].doorbells);
  const servers = cards[card].servers.map((server) => new Sleeper(asleep[server]));
  return (queue) => doorbells.ring(queue, servers[queue >>> 1]);
}
