import { describe, expect, it } from 'vitest';

import { ManualClock } from '../../src/virtio/clock.js';
import { GuestConsole } from '../../src/vm/console.js';
import { GuestEnded, GuestTimeout } from '../../src/vm/failures.js';
import { FakeLine } from './lines.js';

function make(): { line: FakeLine; clock: ManualClock; console: GuestConsole; shown: () => string } {
  const line = new FakeLine();
  const clock = new ManualClock();
  const console = new GuestConsole(line, clock);
  let shown = '';
  console.attach((text) => (shown += text));
  return { line, clock, console, shown: () => shown };
}

describe('what the guest shows', () => {
  it('is decoded as UTF-8 however the bytes come', () => {
    const { line, shown } = make();
    for (const byte of new TextEncoder().encode('é 日本 🐧\n')) line.show(Uint8Array.of(byte));
    expect(shown()).toBe('é 日本 🐧\n');
  });

  it('shows bytes that are not UTF-8 as U+FFFD', () => {
    const { line, shown } = make();
    line.show(Uint8Array.of(0x61, 0xff, 0x62));
    expect(shown()).toBe('a\ufffdb');
  });

  it('is shown without markers, wherever they are cut', () => {
    const text = 'before\x1e0123456789abcdef:17\x1eafter\n';
    for (let cut = 0; cut <= text.length; cut++) {
      const { line, shown, console } = make();
      line.show(text.slice(0, cut));
      line.show(text.slice(cut));
      expect(shown()).toBe('beforeafter\n');
      expect(console.lastLines()).toEqual(['beforeafter']);
    }
  });

  it('keeps a separator that begins no marker', () => {
    const { line, shown } = make();
    line.show('a\x1eb\x1e0123\x1e');
    line.show('!');
    expect(shown()).toBe('a\x1eb\x1e0123\x1e!');
  });

  it('no longer reaches a listener that has left', () => {
    const { line, console } = make();
    const texts: string[] = [];
    const leave = console.attach((text) => texts.push(text));
    line.show('one');
    leave();
    line.show('two');
    expect(texts).toEqual(['one']);
  });
});

describe('the last lines', () => {
  it('are the last, without line ends and empty lines at the end', () => {
    const { line, console } = make();
    line.show('one\r\ntwo\n\nthree\r\n\r\n');
    expect(console.lastLines()).toEqual(['one', 'two', '', 'three']);
    expect(console.lastLines(2)).toEqual(['', 'three']);
  });

  it('are kept to a bound', () => {
    const { line, console } = make();
    for (let i = 0; i < 40_000; i++) line.show(`line ${i} of many\n`);
    const kept = console.lastLines(Infinity);
    expect(kept.at(-1)).toBe('line 39999 of many');
    expect(kept.length).toBeGreaterThan(1000);
    expect(kept.length).toBeLessThan(20_000);
  });

  it('are cut when they are long', () => {
    const { line, console } = make();
    line.show('x'.repeat(1000));
    expect(console.lastLines()[0]).toHaveLength(201);
  });
});

describe('waitFor', () => {
  it('finds what was shown before, and then only what came after that', async () => {
    const { line, console, clock } = make();
    line.show('ready 1\nready 2\n');
    expect((await console.waitFor(/ready (\d)/, { timeoutMs: 10 }))[1]).toBe('1');
    expect((await console.waitFor(/ready (\d)/g, { timeoutMs: 10 }))[1]).toBe('2');
    const third = console.waitFor(/ready (\d)/, { timeoutMs: 10 });
    line.show('rea');
    line.show('dy 3');
    expect((await third)[1]).toBe('3');
    const fourth = console.waitFor(/ready (\d)/, { timeoutMs: 10 });
    clock.advance(10);
    await expect(fourth).rejects.toThrow(GuestTimeout);
  });

  it('still finds what comes after more than the history holds', async () => {
    const { line, console } = make();
    line.show('x'.repeat(300_000));
    line.show('needle');
    await console.waitFor(/needle/, { timeoutMs: 10 });
    const next = console.waitFor(/end/, { timeoutMs: 10 });
    line.show('y'.repeat(300_000) + 'end');
    expect((await next)[0]).toBe('end');
  });

  it('says the pattern, the time and the last lines when it took too long', async () => {
    const { line, console, clock } = make();
    line.show('some\nlines\n');
    const waiting = console.waitFor(/never/, { timeoutMs: 1500 });
    clock.advance(1499);
    line.show('more\n');
    clock.advance(1);
    await expect(waiting).rejects.toThrow(
      "The guest did not show /never/ within 1.5 s. Its console's last lines:\n  some\n  lines\n  more",
    );
  });

  it('gives up when it is told to', async () => {
    const { console } = make();
    const controller = new AbortController();
    const waiting = console.waitFor(/never/, { timeoutMs: 1000, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(console.waitFor(/never/, { timeoutMs: 1000, signal: controller.signal })).rejects.toThrow('enough');
  });

  it('fails when the guest ends, and ever after', async () => {
    const { line, console } = make();
    const waiting = console.waitFor(/never/, { timeoutMs: 1000 });
    line.show('last words\n');
    console.close('The guest is gone.');
    console.close('Something later.');
    const message = "The guest is gone. Its console's last lines:\n  last words";
    await expect(waiting).rejects.toThrow(new GuestEnded(message));
    await expect(console.waitFor(/never/, { timeoutMs: 1000 })).rejects.toThrow(message);
    expect((await console.ended).message).toBe(message);
  });
});

it('types UTF-8', () => {
  const { line, console } = make();
  console.write('é\r');
  expect(line.typed).toBe('é\r');
});
