import type { Clock } from '../../virtio/clock.js';

/** In Node the global of this name looks itself up each time, and a switch asks for the time of each frame. */
const { performance } = globalThis;

/**
 * The time of the process or page. Its timers keep a process alive only for their last millisecond.
 *
 * They are never early. In Node they are at most some hundredths of a millisecond late, as Node's own timers, which
 * count whole milliseconds, are left to wait only for those; in a page they are late by what its timers are (4 ms where
 * one sets the next). To that comes what the event loop is busy with: a guest at work gives way about every millisecond.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, then) {
    const timer = { due: performance.now() + milliseconds };
    waiting.add(timer);
    let cancel = wait(milliseconds, look);
    function look(): void {
      const left = timer.due - performance.now();
      if (left > 0) {
        cancel = wait(left, look);
        return;
      }
      waiting.delete(timer);
      then();
    }
    return () => {
      waiting.delete(timer);
      cancel();
    };
  },
};

const waiting = new Set<{ readonly due: number }>();

/** How long nothing is due yet, in milliseconds: a thread may stand still for so long. */
export function timeLeft(): number {
  let first = Infinity;
  for (const { due } of waiting) first = Math.min(first, due);
  return first - performance.now();
}

/** Waits for a time that may be too short by what the timers at hand can't count. */
function wait(milliseconds: number, then: () => void): () => void {
  if (milliseconds < 1 && typeof setImmediate === 'function') {
    // Not without keeping the process alive: Node would sleep then instead of looking.
    const soon = setImmediate(then);
    return () => clearImmediate(soon);
  }
  const timer: unknown = setTimeout(then, milliseconds);
  if (hasUnref(timer)) timer.unref();
  return () => clearTimeout(timer as number);
}

/** Node's timers have it; a browser's timers are numbers. */
function hasUnref(timer: unknown): timer is { unref(): void } {
  return typeof timer === 'object' && timer !== null && 'unref' in timer;
}
