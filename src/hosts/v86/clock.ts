import type { Clock } from '../../virtio/clock.js';

/** The time of the process or page. Its timers do not keep a process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, then) {
    const timer: unknown = setTimeout(then, milliseconds);
    if (hasUnref(timer)) timer.unref();
    return () => clearTimeout(timer as number);
  },
};

/** Node's timers have it; a browser's timers are numbers. */
function hasUnref(timer: unknown): timer is { unref(): void } {
  return typeof timer === 'object' && timer !== null && 'unref' in timer;
}
