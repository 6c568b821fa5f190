import type { Clock } from '../../virtio/clock.js';

/** Waits for the end of a capture, at most `patience` milliseconds: a reader that takes no more is given up, and told of. */
export async function withPatience(
  clock: Clock,
  patience: number,
  end: Promise<void>,
  giveUp: (error: Error) => void,
): Promise<void> {
  let cancel: () => void = () => undefined;
  const enough = new Promise<void>((resolve) => {
    cancel = clock.after(patience, () => {
      giveUp(new Error(`its reader did not take all of it within ${patience / 1000} s`));
      resolve();
    });
  });
  await Promise.race([enough, end]);
  cancel();
}
