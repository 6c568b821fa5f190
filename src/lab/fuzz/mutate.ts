import { argumentBytes, type Input, type Step } from './input.js';

/** Numbers by chance, from 0 to below 1. */
export type Chance = () => number;

const longest = 64;

/** Bytes that are at the edge of something more often than others. */
const edges = [0, 1, 2, 3, 4, 7, 8, 0x0f, 0x10, 0x20, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff];

export function pick<T>(chance: Chance, from: readonly T[]): T {
  return from[Math.floor(chance() * from.length)];
}

export function randomStep(operations: readonly string[], chance: Chance): Step {
  return {
    operation: pick(chance, operations),
    bytes: Uint8Array.from({ length: argumentBytes }, () => randomByte(chance)),
  };
}

/** An input that is another one with some changes. `other` lends steps. */
export function mutate(input: Input, other: Input, operations: readonly string[], chance: Chance): Input {
  let result = [...input];
  const place = (): number => Math.floor(chance() * (result.length + 1));
  const changes: readonly (() => void)[] = [
    () => result.splice(place(), 0, randomStep(operations, chance)),
    () => result.splice(place(), 0, randomStep(operations, chance)),
    () => result.splice(place(), 1 + Math.floor(chance() * 4)),
    () => result.splice(place(), 0, ...part(other, chance)),
    () => (result = [...result.slice(0, place()), ...part(other, chance)]),
    () => result.push(...part(input, chance)),
    () => changeByte(result, chance),
    () => changeByte(result, chance),
    () => changeByte(result, chance),
    () => changeByte(result, chance),
  ];
  const count = 1 + Math.floor(chance() * chance() * 8);
  for (let i = 0; i < count; i++) pick(chance, changes)();
  return result.slice(0, longest);
}

function changeByte(steps: Step[], chance: Chance): void {
  if (steps.length === 0) return;
  const index = Math.floor(chance() * steps.length);
  const { operation, bytes } = steps[index];
  const changed = bytes.slice();
  const at = Math.floor(chance() * changed.length);
  changed[at] = chance() < 0.4 ? changed[at] ^ (1 << Math.floor(chance() * 8)) : randomByte(chance);
  steps[index] = { operation, bytes: changed };
}

function part(input: Input, chance: Chance): Step[] {
  const from = Math.floor(chance() * input.length);
  return input.slice(from, from + 1 + Math.floor(chance() * 8));
}

function randomByte(chance: Chance): number {
  return chance() < 0.5 ? pick(chance, edges) : Math.floor(chance() * 256);
}

/** The shortest and plainest input that is found for which `fails` still holds. */
export function shrink(input: Input, fails: (input: Input) => boolean): Input {
  let best = input;
  const attempt = (candidate: Input): boolean => {
    if (!fails(candidate)) return false;
    best = candidate;
    return true;
  };
  let smaller = true;
  while (smaller) {
    smaller = false;
    for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 0; from < best.length;) {
        if (attempt([...best.slice(0, from), ...best.slice(from + size)])) smaller = true;
        else from += size;
      }
    }
    for (let index = 0; index < best.length; index++) {
      for (let at = 0; at < argumentBytes; at++) {
        const { operation, bytes } = best[index];
        if (bytes[at] === 0) continue;
        const plain = bytes.slice();
        plain[at] = 0;
        if (attempt(best.map((step, i) => (i === index ? { operation, bytes: plain } : step)))) smaller = true;
      }
    }
  }
  return best;
}
