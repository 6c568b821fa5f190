import type { Machine } from '../../src/driver/index.js';

/** A machine that can be exchanged for another while a driver drives it. */
export function exchangeable(first: Machine): { machine: Machine; use: (other: Machine) => void } {
  let now = first;
  const machine = new Proxy(first, {
    get: (_, name): unknown => Reflect.get(now, name),
  });
  return { machine, use: (other) => (now = other) };
}
