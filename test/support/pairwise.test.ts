import { describe, expect, it } from 'vitest';
import { pairwise } from './pairwise.js';

/** What each needs. */
const needs: Record<string, string[]> = { b: ['a'], c: ['b'], e: ['d'] };
const names = Array.from('abcdefghijklmnopqrstuvwxyz');

function offered(without: readonly string[]): Set<string> {
  const has = (name: string): boolean => !without.includes(name) && (needs[name] ?? []).every(has);
  return new Set(names.filter(has));
}

describe('cases that show every two features together', () => {
  const cases = pairwise(names, offered);
  const seen = cases.map(({ without }) => offered(without));

  it('show each way that can be', () => {
    for (const a of names) {
      for (const b of names) {
        if (a === b) continue;
        expect(
          seen.some((set) => set.has(a) && set.has(b)),
          `${a} and ${b}`,
        ).toBe(true);
        expect(
          seen.some((set) => !set.has(a) && !set.has(b)),
          `neither ${a} nor ${b}`,
        ).toBe(true);
        const possible = offered([a]).has(b);
        expect(
          seen.some((set) => !set.has(a) && set.has(b)),
          `${b} without ${a}`,
        ).toBe(possible);
      }
    }
  });

  it('are few', () => {
    expect(cases.length).toBeLessThan(16);
  });
});
