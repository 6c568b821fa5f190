import type { Capture } from '../fabric/index.js';
import { before, type Backend } from './backends.js';

/** A backend whose ports are captured. */
export function captured(backend: Backend, capture: Capture): Backend {
  return before(backend, (port, about) =>
    Object.assign(capture.tap(port, { mac: about?.mac }), { counters: () => port.counters() }),
  );
}

/** Milliseconds since 1970, the same in all threads of the process to some hundredths of one. */
export function timeOfDay(): number {
  return performance.timeOrigin + performance.now();
}
