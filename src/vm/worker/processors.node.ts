import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/** Which of how many threads one is. */
export interface Place {
  readonly index: number;
  readonly count: number;
}

/**
 * Keeps the calling thread to processors that are its own among such threads, as far as there are enough. Linux would often
 * have a guest that is woken wait for the processor of the guest that wakes it, though another is idle.
 *
 * Only in Linux, by taskset of util-linux; elsewhere, or without it, threads stay where the system puts them.
 * @returns whether no other of these threads has the same processors
 */
export function keepApart(place: Place): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const status = readFileSync('/proc/thread-self/status', 'utf8');
    const all = readList(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)![1]);
    const thread = readlinkSync('/proc/thread-self').split('/').at(-1)!;
    const own = share(all, place);
    if (own.length === all.length) return false;
    const { status: failed } = spawnSync('taskset', ['--pid', '--cpu-list', own.join(','), thread], {
      stdio: 'ignore',
    });
    return failed === 0 && place.count <= all.length;
  } catch {
    return false; // no /proc
  }
}

/** A list of numbers as Linux writes it: 0-2,5. */
export function readList(text: string): number[] {
  return text.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** What of the processors is for a thread: each has as many, and one at least. */
export function share(processors: readonly number[], { index, count }: Place): readonly number[] {
  const parts = Math.min(count, processors.length);
  return processors.filter((_, i) => i % parts === index % parts);
}
