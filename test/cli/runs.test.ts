import { describe, expect, it } from 'vitest';

import { Station } from '../../src/cli/network.js';
import { lostStatus, runCommand } from '../../src/cli/runs.js';
import { showCommand } from '../../src/cli/showCommand.js';
import { GuestEnded, GuestTimeout, type RunOptions, type RunResult } from '../../src/vm/index.js';
import { fakeGuest, fakeStation } from './stations.js';
import { TestOutput } from './streams.js';

type Work = (command: string, options: RunOptions) => Promise<Partial<RunResult>>;

/** A station whose guest does this, and can show text meanwhile. */
function stationThat(work: (show: (text: string) => void, ...args: Parameters<Work>) => ReturnType<Work>) {
  const { guest, line } = fakeGuest((command, options) => work((text) => line.show(text), command, options));
  const { station } = fakeStation(2);
  return new Station(2, { guest, cards: station.cards }, 2);
}

function options(problems: string[] = []) {
  return {
    timeoutMs: 4000,
    signal: new AbortController().signal,
    onProblem: (sentence: string) => problems.push(sentence),
  };
}

describe('a command', () => {
  it('is a run with the status and output that the guest gave', async () => {
    const station = stationThat((_, command, { timeoutMs }) =>
      Promise.resolve({ status: 3, output: `${command} ${timeoutMs}` }),
    );
    expect(await runCommand(station, 'ls', options())).toEqual({
      ...{ guest: 2, command: 'ls', status: 3, stdout: 'ls 4000' },
    });
  });

  it.each([
    ['timeout', new GuestTimeout('It took too long.')],
    ['guestEnded', new GuestEnded('The guest was switched off.')],
  ] as const)('that is lost (%s) has a status of its own, and what it showed', async (kind, error) => {
    const problems: string[] = [];
    const station = stationThat((show) => {
      show('half of ');
      show('it');
      return Promise.reject(error);
    });
    expect(await runCommand(station, 'ls', options(problems))).toEqual({
      ...{ guest: 2, command: 'ls', status: lostStatus[kind], stdout: 'half of it' },
    });
    expect(problems).toEqual([`Guest 2: ${error.message}`]);
  });

  it('fails with any other error, such as the reason of an abort', async () => {
    const reason = new Error('stopped');
    await expect(
      runCommand(
        stationThat(() => Promise.reject(reason)),
        'ls',
        options(),
      ),
    ).rejects.toBe(reason);
  });
});

describe('a command that is shown', () => {
  it('has a heading, its output as it comes, and its status where that is not 0', async () => {
    const stdout = new TestOutput();
    const seen: string[] = [];
    const station = stationThat((show) => {
      show('one\n');
      seen.push(stdout.text);
      show('two');
      return Promise.resolve({ status: 1, output: 'one\ntwo' });
    });
    await showCommand(station, 'echo', { stdout }, options());
    expect(seen).toEqual(['\nguest 2 # echo\none\n']);
    expect(stdout.text).toBe('\nguest 2 # echo\none\ntwo\nexit status 1\n');
  });

  it('shows nothing of what comes later', async () => {
    const stdout = new TestOutput();
    let later: (text: string) => void = () => undefined;
    const station = stationThat((show) => {
      later = show;
      return Promise.resolve({});
    });
    await showCommand(station, 'true', { stdout }, options());
    later('from the background');
    expect(stdout.text).toBe('\nguest 2 # true\n');
  });
});
