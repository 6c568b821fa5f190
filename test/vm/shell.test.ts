import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ManualClock } from '../../src/virtio/clock.js';
import { GuestConsole } from '../../src/vm/console.js';
import { GuestEnded, GuestTimeout } from '../../src/vm/failures.js';
import { Shell, type RunResult } from '../../src/vm/shell.js';
import { FakeLine, settle, shellLine } from './lines.js';

describe('with a real sh at the other end', () => {
  let line: ReturnType<typeof shellLine>;
  let console: GuestConsole;
  let shell: Shell;

  beforeEach(() => {
    line = shellLine();
    console = new GuestConsole(line);
    shell = new Shell(console);
  });
  afterEach(() => line.end());

  const run = async (command: string): Promise<[number, string]> => {
    const { status, output } = await shell.run(command, { timeoutMs: 10_000 });
    return [status, output];
  };

  it.each<[string, string, number, string]>([
    ['output', 'echo hello', 0, 'hello\n'],
    ['output without a newline at its end', 'printf hello', 0, 'hello'],
    ['newlines at the end', String.raw`printf 'a\n\n\n'`, 0, 'a\n\n\n'],
    ['carriage returns', String.raw`printf 'a\r\nb\r'`, 0, 'a\r\nb\r'],
    ['no output', ':', 0, ''],
    ['nothing', '', 0, ''],
    ['a comment', '# nothing', 0, ''],
    ['both outputs', 'echo out; echo err >&2', 0, 'out\nerr\n'],
    ['a status', 'false', 1, ''],
    ['an exit', 'echo a; exit 3; echo b', 3, 'a\n'],
    ['several lines', 'echo a\n\necho b\n', 0, 'a\nb\n'],
    ['a line that goes on', 'echo a \\\n  b', 0, 'a b\n'],
    ['a here-document', "cat <<'END'\n$HOME `x` \\ 'single' \"double\"\nEND", 0, '$HOME `x` \\ \'single\' "double"\n'],
    ['quotes', `echo 'a'"'"'b' "c\\"d" e\\'f`, 0, `a'b c"d e'f\n`],
    ['a tab and other control characters', 'printf %s "a\tb\x03c\x04d\x15e\x7f"', 0, 'a\tb\x03c\x04d\x15e\x7f'],
    ['percent signs and backslashes', String.raw`printf '%s\n' '100% \n \0101 \c \\'`, 0, '100% \\n \\0101 \\c \\\\\n'],
    ['UTF-8', `echo 'é 日本 🐧' "'"`, 0, "é 日本 🐧 '\n"],
    ['variables and arithmetic', 'a=5; echo $((a * 2)) "$a"', 0, '10 5\n'],
    ['an exclamation mark', 'echo "hey!" !x', 0, 'hey! !x\n'],
    ['a program that reads its input', 'cat; echo after', 0, 'after\n'],
    ['a read', 'read line || echo end', 0, 'end\n'],
    ['an unset variable under set -u', 'set -u; : $none; echo after', 2, ''],
    ['set -e', 'set -e; false; echo after', 1, ''],
    ['what looks like a marker', String.raw`printf '\0360123456789abcdef:5\036'`, 0, '\x1e0123456789abcdef:5\x1e'],
  ])('runs %s', async (_, command, status, output) => {
    const [actualStatus, actualOutput] = await run(command);
    // Shells word a complaint as they like.
    expect([actualStatus, status === 2 ? '' : actualOutput]).toEqual([status, output]);
  });

  it('tells a syntax error, and goes on', async () => {
    const [status, output] = await run('echo (');
    expect(status).toBe(2);
    expect(output).toMatch(/syntax error/i);
    expect(await run('echo on')).toEqual([0, 'on\n']);
  });

  it('tells the signal that ended a command', async () => {
    expect((await run('sh -c "kill -KILL \\$\\$"'))[0]).toBe(128 + 9);
    expect((await run('sh -c "kill -INT \\$\\$"'))[0]).toBe(128 + 2);
    expect(await run('echo on')).toEqual([0, 'on\n']);
  });

  it('keeps commands apart', async () => {
    await run('cd /; x=1; set -- a; trap "echo trapped" EXIT; exec 5>/dev/null');
    expect(await run('pwd; echo "[$x]" $#')).toEqual([0, `${process.cwd()}\n[] 0\n`]);
  });

  it('does not wait for a job in the background', async () => {
    const started = Date.now();
    expect(await run('sleep 5 >/dev/null 2>&1 & echo started')).toEqual([0, 'started\n']);
    expect(Date.now() - started).toBeLessThan(4000);
  });

  it('gives every byte of the output', async () => {
    const { bytes, output } = await shell.run(String.raw`printf 'a\000\377\200b'`);
    expect([...bytes]).toEqual([0x61, 0, 0xff, 0x80, 0x62]);
    expect(output).toBe('a\0\ufffd\ufffdb');
  });

  it('gives large output', async () => {
    const { output } = await shell.run('head -c 3000000 /dev/zero | tr "\\0" x; echo');
    expect(output).toBe('x'.repeat(3_000_000) + '\n');
  });

  it.each([
    ['plain', (n: number): string => 'x'.repeat(n), 4000],
    ['quotes', (n: number): string => `'"\\$`.repeat(n / 4), 12_000],
    ['not ASCII', (n: number): string => 'é\t'.repeat(n / 2), 9000],
    ['very long', (n: number): string => 'x'.repeat(n), 1_100_000],
  ])('runs a long command, %s, in lines that a terminal takes', async (_, make, length) => {
    const text = make(length);
    const { output } = await shell.run(`cat <<'END'\n${text}\nEND`);
    expect(output).toBe(`${text}\n`);
    expect(Math.max(...line.sent)).toBeLessThanOrEqual(4095);
  });

  it('runs one command at a time, in their order', async () => {
    const results = await Promise.all(['sleep 0.2; echo 1', 'echo 2', 'echo 3'].map(run));
    expect(results.map(([, output]) => output)).toEqual(['1\n', '2\n', '3\n']);
  });

  it('refuses a NUL', async () => {
    await expect(shell.run('echo \0')).rejects.toThrow(TypeError);
  });

  it('interrupts what takes too long, and runs the next', async () => {
    const failure = shell.run('echo begun; sleep 60', { timeoutMs: 2000 });
    const next = run('echo next');
    await expect(failure).rejects.toThrow(
      'The command "echo begun; sleep 60" did not finish within 2 s. Its console\'s last lines:\n',
    );
    await expect(failure).rejects.toThrow(/\n {2}begun$/);
    expect(await next).toEqual([0, 'next\n']);
  });

  it('interrupts what is called off', async () => {
    const controller = new AbortController();
    const failure = shell.run('sleep 60', { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('called off')), 100);
    await expect(failure).rejects.toThrow('called off');
    expect(await run('echo next')).toEqual([0, 'next\n']);
  });

  it('does not show markers', async () => {
    let shown = '';
    console.attach((text) => (shown += text));
    await run('echo hello');
    expect(shown).toMatch(/hello\n$/);
    expect(shown).not.toContain('\x1e');
  });

  it('gives the console back and takes it again', async () => {
    await run('echo a');
    await shell.interactive();
    console.write('cd /; echo "interactive $((6 * 7)) [$vmq_sh]"\n');
    await console.waitFor(/interactive 42 \[\]/, { timeoutMs: 5000 });
    // A command starts from where the person went.
    expect(await run('pwd')).toEqual([0, '/\n']);
  });
});

/** A shell that answers markers but never finishes what it is asked to run. */
function hangingShell(line: FakeLine, heeds: (key: string) => boolean): { runs: number } {
  const state = { runs: 0, busy: false };
  line.onTyped = (text) => {
    if (text.length === 1 && heeds(text)) state.busy = false;
    const marker = /printf '\\036([0-9a-f]{16}):\\036'/.exec(text)?.[1];
    if (state.busy || marker === undefined) return;
    if (text.includes('eval')) {
      state.runs++;
      state.busy = true;
    }
    line.show(`\x1e${marker}:\x1e`);
  };
  return state;
}

describe('with a shell that hangs', () => {
  async function timeOut(
    heeds: (key: string) => boolean,
  ): Promise<{ keys: string[]; next: Promise<RunResult>; state: { runs: number } }> {
    const line = new FakeLine();
    const clock = new ManualClock();
    const shell = new Shell(new GuestConsole(line, clock));
    const state = hangingShell(line, heeds);
    const first = shell.run('first', { timeoutMs: 1000 });
    first.catch(() => undefined);
    const next = shell.run('next', { timeoutMs: 1000 });
    next.catch(() => undefined);
    for (let i = 0; i < 400; i++) {
      await settle();
      clock.advance(100);
    }
    await expect(first).rejects.toThrow(GuestTimeout);
    const keys = line.typed.match(/[\x03\x1c\x1a]/g) ?? [];
    return { keys, next, state };
  }

  it.each([
    ['Ctrl-C', ['\x03']],
    ['Ctrl-\\', ['\x03', '\x1c']],
    ['Ctrl-Z', ['\x03', '\x1c', '\x1a']],
  ])('comes back with %s', async (_, keys) => {
    const { keys: typed, state } = await timeOut((key) => key === keys.at(-1));
    expect(typed.slice(0, keys.length)).toEqual(keys);
    expect(state.runs).toBe(2);
  });

  it('fails the next command too when nothing helps', async () => {
    const { next, state } = await timeOut(() => false);
    await expect(next).rejects.toThrow('The shell has not come back from an earlier command.');
    expect(state.runs).toBe(1);
  });
});

it('fails all commands at once when the guest ends', async () => {
  const line = new FakeLine();
  const console = new GuestConsole(line, new ManualClock());
  const shell = new Shell(console);
  hangingShell(line, () => false);
  const runs = [shell.run('first'), shell.run('second')];
  runs.forEach((run) => void run.catch(() => undefined));
  for (let i = 0; i < 5; i++) await settle();
  console.close('The guest panicked.');
  for (const run of runs) await expect(run).rejects.toThrow(GuestEnded);
  await expect(shell.run('third')).rejects.toThrow('The guest panicked.');
});
