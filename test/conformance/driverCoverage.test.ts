import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { statements } from '../../src/lab/checker/index.js';

/**
 * `driver-coverage.tsv` has a row for each statement about drivers of the specification (repository oasis-tcs/virtio-spec,
 * commit 15f488c): `checked`, or `not offered` or `not observable` with a reason.
 */
const rows = readFileSync(new URL('driver-coverage.tsv', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .slice(1)
  .map((line) => {
    const [id, level, section, checked, reason = ''] = line.split('\t');
    return { id, level, section, checked, reason };
  });

const folder = new URL('../lab/checker/', import.meta.url);
const tests = readdirSync(folder)
  .filter((name) => name.endsWith('.test.ts') && !name.startsWith('rightDriver'))
  .map((name) => readFileSync(new URL(name, folder), 'utf8'))
  .join('\n');

describe('what is checked of drivers', () => {
  it('is what the table says', () => {
    const checked = rows.filter((row) => row.checked === 'checked').map(({ id }) => id);
    expect(Object.keys(statements).sort()).toEqual(checked.sort());
  });

  it('is most of what a driver must and must not do', () => {
    const musts = rows.filter(({ level, checked }) => level.includes('MUST') && checked === 'checked');
    expect(musts.length).toBeGreaterThanOrEqual(100);
  });

  it('has a reason for everything else', () => {
    const bare = rows.filter(({ checked, reason }) => {
      if (checked === 'checked') return false;
      return !(checked.startsWith('not offered: ') || (checked === 'not observable' && reason !== ''));
    });
    expect(bare).toEqual([]);
  });

  it('has for each statement a wrong driver that is caught', () => {
    expect(Object.keys(statements).filter((id) => !tests.includes(`'${id}'`))).toEqual([]);
  });
});
