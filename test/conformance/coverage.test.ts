import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { allCases } from '../../src/lab/conformance/cases.js';

/**
 * `coverage.tsv` has a row for each statement about devices of the specification (repository oasis-tcs/virtio-spec,
 * commit 15f488c): the cases that show it, or `not offered` or `not observable` with a reason. The column of cases is
 * made from the cases themselves: `npx vitest run test/conformance -u` writes it anew.
 */
interface Row {
  readonly id: string;
  readonly level: string;
  readonly section: string;
  readonly shownBy: string;
  readonly reason: string;
}

const file = new URL('coverage.tsv', import.meta.url);
const others = ['not offered', 'not observable'];
const head = 'id\tlevel\tsection\tshown by\treason';

const rows = readFileSync(file, 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1)
  .map((line): Row => {
    const [id, level, section, shownBy, reason = ''] = line.split('\t');
    return { id, level, section, shownBy, reason };
  });

function showing(statement: string): string[] {
  return allCases.filter(({ statements }) => statements.includes(statement)).map(({ id }) => id);
}

function isMust({ level }: Row): boolean {
  return level.includes('MUST');
}

describe('coverage of the specification', () => {
  it('has the cases of each statement in its row', async () => {
    const lines = rows.map(({ id, level, section, shownBy, reason }) => {
      const cases = showing(id);
      return [id, level, section, ...(cases.length > 0 ? [cases.join(' '), ''] : [shownBy, reason])]
        .join('\t')
        .trimEnd();
    });
    await expect([head, ...lines, ''].join('\n')).toMatchFileSnapshot('coverage.tsv');
  });

  it('has a case or a reason for every statement', () => {
    const without = rows.filter(({ id, shownBy, reason }) => {
      return showing(id).length === 0 && !(others.includes(shownBy) && reason.length > 0);
    });
    expect(without.map(({ id }) => id)).toEqual([]);
  });

  it('has all 191 statements that a device must keep, at least 150 of them with a case', () => {
    const must = rows.filter(isMust);
    expect(must).toHaveLength(191);
    expect(must.filter(({ id }) => showing(id).length > 0).length).toBeGreaterThanOrEqual(150);
  });

  it('has no case twice, and none that shows an unknown statement', () => {
    const ids = allCases.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)]);
    const known = new Set(rows.map(({ id }) => id));
    const unknown = allCases.filter(({ statements }) => !statements.every((id) => known.has(id)));
    expect(unknown.map(({ id }) => id)).toEqual([]);
    expect(allCases.filter(({ statements }) => statements.length === 0)).toEqual([]);
  });
});
