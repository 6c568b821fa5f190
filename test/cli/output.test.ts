import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { createProgress } from '../../src/cli/progress.js';
import { bootSummary } from '../../src/cli/summary.js';
import { laneTable, table } from '../../src/cli/tables.js';
import { wrap } from '../../src/cli/wrap.js';
import { coloursFor } from '../../src/cli/streams.js';
import { fakeStation } from './stations.js';
import { TestOutput } from './streams.js';

beforeEach(() => {
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'TERM']) vi.stubEnv(name, '');
});
afterEach(() => vi.unstubAllEnvs());

describe('progress', () => {
  it('is a plain line for each step where there is no terminal', () => {
    const stream = new TestOutput();
    const progress = createProgress(stream);
    progress.step('booting guest 1');
    progress.step('booting guest 1');
    progress.step('booting guest 2');
    progress.done('both are there');
    progress.stop();
    expect(stream.text).toBe('booting guest 1\nbooting guest 2\nboth are there\n');
  });

  it('is plain on a terminal that does not know its width, too', () => {
    const stream = new TestOutput(true);
    stream.columns = 0;
    const progress = createProgress(stream);
    progress.step('booting guest 1');
    progress.stop();
    expect(stream.text).toBe('booting guest 1\n');
  });

  it('is short in a log, however often work tells how far it is', () => {
    const stream = new TestOutput();
    const progress = createProgress(stream);
    for (let done = 0; done < 100; done++) progress.step(`unpacking package ${done}`, done / 100);
    progress.step('packing');
    expect(stream.text).toBe('unpacking package 0\npacking\n');
  });

  it('is a line that changes on a terminal', () => {
    const stream = new TestOutput(true);
    const progress = createProgress(stream);
    progress.step('downloading', 0.25);
    progress.note('something happened');
    progress.done('all is there');
    progress.stop();
    expect(stream.text).toContain('downloading (25 %)');
    expect(stream.text.replace(/\x1b\[[?\d]*[a-zA-Z]/g, '')).toContain('something happened\n');
    expect(stream.text).toContain('all is there\n');
    // The cursor that was hidden is shown again.
    expect(stream.text.lastIndexOf('\x1b[?25h')).toBeGreaterThan(stream.text.lastIndexOf('\x1b[?25l'));
  });
});

describe('colours', () => {
  it.each([
    { terminal: true, env: {}, coloured: true },
    { terminal: false, env: {}, coloured: false },
    { terminal: true, env: { NO_COLOR: '1' }, coloured: false },
    { terminal: true, env: { TERM: 'dumb' }, coloured: false },
    { terminal: false, env: { FORCE_COLOR: '1' }, coloured: true },
    { terminal: false, env: { CI: 'true' }, coloured: false },
  ])('$env on a terminal ($terminal): $coloured', ({ terminal, env, coloured }) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value as string);
    expect(coloursFor(new TestOutput(terminal)).red('x') !== 'x').toBe(coloured);
  });
});

describe('tables', () => {
  it('line up, without trailing spaces or colours', () => {
    const columns = [
      ['n', 'right'],
      ['name', 'left'],
    ] as const;
    expect(
      table(columns, [
        ['1', 'a'],
        ['10', 'bc'],
      ]),
    ).toBe(' n   name\n─────────\n 1   a\n10   bc');
  });

  it('show each pair in use with its interrupts and drops', async () => {
    const { station, driver, wire } = fakeStation();
    wire.deliver(new Uint8Array(5));
    expect(laneTable([await station.report()]).split('\n')).toHaveLength(3);
    driver.setPairs(2);
    const rows = laneTable([await station.report()])
      .split('\n')
      .slice(2);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatch(/1 +0 +0 +0 +0 +0 +0 +0 +0 +1: the frame is shorter than an Ethernet header$/);
    expect(rows[1]).toMatch(/1 +1 +0 +0 +0 +0 +0 +0 +0 +0$/);
  });
});

describe('text', () => {
  it('is wrapped at spaces', () => {
    expect(wrap(' aa bb\n   cc  dddddddd e ', 5)).toBe('aa bb\ncc\ndddddddd\ne');
  });

  it('sums up how guests came up', () => {
    expect(bootSummary([fakeStation(1).station, fakeStation(2).station])).toBe(
      'guest 1 at 10.0.0.1 resumed in 0.8 s, guest 2 at 10.0.0.2 resumed in 0.8 s',
    );
  });
});
