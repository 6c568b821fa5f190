import type { Clock } from '../../virtio/clock.js';

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
    const due = performance.now() + milliseconds;
    let cancel = wait(milliseconds, look);
    function look(): void {
      const left = due - performance.now();
      if (left <= 0) then();
      else cancel = wait(left, look);
    }
    return () => cancel();
  },
};

/** How many wait for less than Node's timers can count. */
let soon = 0;

/** Whether something is to happen within a millisecond: the thread must not stand still then. */
export function dueSoon(): boolean {
  return soon > 0;
}

/** Waits for a time that may be too short by what the timers at hand can't count. */
function wait(milliseconds: number, then: () => void): () => void {
  if (milliseconds < 1 && typeof setImmediate === 'function') return waitShortly(then);
  const timer: unknown = setTimeout(then, milliseconds);
  if (hasUnref(timer)) timer.unref();
  return () => clearTimeout(timer as number);
}

function waitShortly(then: () => void): () => void {
  let waiting = true;
  const end = (): void => {
    if (waiting) soon--;
    waiting = false;
  };
  soon++;
  // Not without keeping the process alive: Node would sleep then instead of looking.
  const immediate = setImmediate(() => {
    end();
    then();
  });
  return () => {
    end();
    clearImmediate(immediate);
  };
}

/** Node's timers have it; a browser's timers are numbers. */
function hasUnref(timer: unknown): timer is { unref(): void } {
  return typeof timer === 'object' && timer !== null && 'unref' in timer;
}
