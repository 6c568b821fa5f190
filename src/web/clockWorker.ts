import { systemClock } from '../hosts/v86/clock.js';

/** What the page asks for: a timer with this number, or that it be forgotten. */
export type TimerRequest = { readonly id: number; readonly milliseconds: number } | { readonly cancel: number };

const cancels = new Map<number, () => void>();

addEventListener('message', ({ data }: MessageEvent<TimerRequest>) => {
  if ('cancel' in data) {
    cancels.get(data.cancel)?.();
    cancels.delete(data.cancel);
    return;
  }
  const { id, milliseconds } = data;
  const due = (): void => {
    cancels.delete(id);
    postMessage(id);
  };
  cancels.set(id, systemClock.after(milliseconds, due));
});
