import type { Clock } from '../virtio/clock.js';
import type { TimerRequest } from './clockWorker.js';

/**
 * A clock whose timers run in a worker: browsers let those of a page that is not in front wait for a second or more, and
 * of two tabs that are joined only one is in front.
 */
export function pageClock(): Clock {
  const worker = new Worker(new URL('./clock.worker.js', import.meta.url), { type: 'module' });
  const ask = (request: TimerRequest): void => worker.postMessage(request);
  const waiting = new Map<number, () => void>();
  let last = 0;
  worker.addEventListener('message', ({ data: id }: MessageEvent<number>) => {
    const then = waiting.get(id);
    waiting.delete(id);
    then?.();
  });
  return {
    now: () => performance.now(),
    after(milliseconds, then) {
      const id = ++last;
      waiting.set(id, then);
      ask({ id, milliseconds });
      return () => {
        if (waiting.delete(id)) ask({ cancel: id });
      };
    },
  };
}
