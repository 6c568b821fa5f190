import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { execute, parseInputs, stepNames } from '../../../src/lab/fuzz/index.js';

const folder = new URL('../../fuzz/corpus/', import.meta.url);

describe.each(readdirSync(folder))('the inputs of %s', (name) => {
  const inputs = parseInputs(readFileSync(new URL(name, folder), 'utf8'));

  it('are made of steps that there are', () => {
    const unknown = inputs.flat().filter(({ operation }) => !stepNames.includes(operation));
    expect(unknown).toEqual([]);
    expect(inputs.length).toBeGreaterThan(0);
  });

  it('do a card no harm', () => {
    expect(inputs.map((input) => execute(input).finding).filter((finding) => finding !== undefined)).toEqual([]);
  });
});
