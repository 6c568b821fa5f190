import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { runConsole } from '../../src/cli/console.js';
import { escapeKey } from '../../src/cli/keys.js';
import { fakeStation } from './stations.js';
import { testStreams } from './streams.js';

async function session(first = 1) {
  const streams = testStreams({ terminal: true });
  const controller = new AbortController();
  const guests = [fakeStation(first), fakeStation(first + 1)];
  const over = runConsole(
    guests.map(({ station }) => station),
    streams,
    controller.signal,
  );
  over.catch(() => undefined);
  await setImmediate();
  streams.stdout.text = '';
  const press = async (keys: string): Promise<string> => {
    streams.stdin.write(keys);
    await setImmediate();
    const { text } = streams.stdout;
    streams.stdout.text = '';
    return text.replace(/\x1b\[\d*m/g, '');
  };
  return { ...streams, over, controller, press, guests };
}

describe('the console', () => {
  it('begins with the keys and guest 1, which has what it showed before', async () => {
    const streams = testStreams({ terminal: true });
    const { station, line } = fakeStation(1);
    station.guest.shell.interactive = () => {
      line.show('guest# ');
      return Promise.resolve();
    };
    const over = runConsole([station], streams, new AbortController().signal);
    await setImmediate();
    expect(streams.stdin.raw).toBe(true);
    expect(streams.stdout.text).toMatch(/Ctrl-\].*q quits/);
    expect(streams.stdout.text).toMatch(/guest 1, 10\.0\.0\.1[^]*guest# $/);
    streams.stdin.write(`${escapeKey}q`);
    await over;
  });

  it('types what is typed, Ctrl-C too', async () => {
    const { press, guests, over } = await session();
    await press('ls\r\x03');
    expect(guests.map(({ line }) => line.typed)).toEqual(['ls\r\x03', '']);
    await press(`${escapeKey}q`);
    await over;
  });

  it('knows guests by their numbers, whichever the first is', async () => {
    const { press } = await session(8);
    expect(await press(`${escapeKey}9`)).toContain('── guest 9, 10.0.0.9 ──');
    expect(await press(`${escapeKey}n`)).toContain('── guest 8, 10.0.0.8 ──');
    expect(await press(`${escapeKey}1`)).toContain('There is no guest 1; the guests are 8 to 9.');
    expect(await press(`${escapeKey}?`)).toContain('8-9 shows that guest, n the next, q quits');
    const { press: later } = await session(100);
    expect(await later(`${escapeKey}?`)).toContain('n shows the next, q quits');
  });

  it('shows the other guest at its number, with what it said meanwhile', async () => {
    const { press, guests } = await session();
    guests[1].line.show('hello\r\nguest# ');
    expect(await press('')).toBe('');
    expect(await press(`${escapeKey}2`)).toBe('\r\n── guest 2, 10.0.0.2 ──\r\nhello\r\nguest# ');
    await press('x');
    expect(guests.map(({ line }) => line.typed)).toEqual(['', 'x']);
    guests[1].line.show('x');
    guests[0].line.show('unseen');
    expect(await press(`${escapeKey}n`)).toBe('x\r\n── guest 1, 10.0.0.1 ──\r\nunseen');
    expect(await press(`${escapeKey}2`)).toBe('\r\n── guest 2, 10.0.0.2 ──\r\nguest# x');
  });

  it('knows its key in pieces, and types it when it comes twice', async () => {
    const { press, guests } = await session();
    await press(`a${escapeKey}`);
    await press('2b');
    await press(escapeKey);
    await press(escapeKey);
    await press('c');
    expect(guests.map(({ line }) => line.typed)).toEqual(['a', `b${escapeKey}c`]);
  });

  it('says so when there is no such guest, and shows the keys for a key that it does not know', async () => {
    const { press } = await session();
    expect(await press(`${escapeKey}7`)).toContain('There is no guest 7; the guests are 1 to 2.');
    expect(await press(`${escapeKey}?`)).toContain('q quits');
    expect(await press(`${escapeKey}z`)).toContain('q quits');
  });

  it('goes to a guest that is left when the one that is seen ends, and ends with the last', async () => {
    const { press, guests, over, stdin } = await session();
    guests[0].console.close('The guest was switched off.');
    expect(await press('')).toBe('\r\nGuest 1 was switched off.\r\n\r\n── guest 2, 10.0.0.2 ──\r\n');
    guests[1].console.close("The guest's kernel panicked.");
    expect(await press('')).toContain("Guest 2's kernel panicked.");
    await over;
    expect(stdin.raw).toBe(false);
  });

  it.each(['quit', 'end of input', 'abort'] as const)('leaves the terminal as it was: %s', async (way) => {
    const { press, over, stdin, controller } = await session();
    expect(stdin.raw).toBe(true);
    if (way === 'quit') await press(`${escapeKey}q`);
    else if (way === 'abort') controller.abort(new Error('stopped'));
    else stdin.end();
    await (way === 'abort' ? expect(over).rejects.toThrow('stopped') : over);
    expect(stdin.raw).toBe(false);
    expect(stdin.isPaused()).toBe(true);
    expect(stdin.listenerCount('data')).toBe(0);
  });

  it('tells the guests how large the terminal is', async () => {
    const streams = testStreams({ terminal: true });
    const { station } = fakeStation(1);
    const commands: string[] = [];
    station.guest.run = (command) => {
      commands.push(command);
      return Promise.reject(new Error('enough'));
    };
    await expect(runConsole([station], streams, new AbortController().signal)).rejects.toThrow('enough');
    expect(commands).toEqual(['stty -F /dev/ttyS0 rows 24 cols 80']);
  });
});
