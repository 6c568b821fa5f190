import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { machineOf } from '../../src/hosts/v86/v86.js';
import { packCpio } from '../../src/vm/image/cpio.js';
import {
  buildGuestImage,
  cacheDirectory,
  GuestEnded,
  GuestTimeout,
  SnapshotCache,
  startGuests,
  UserError,
  type Guest,
  type GuestImage,
  type RunResult,
  type StartOptions,
} from '../../src/vm/index.node.js';

let image: GuestImage;
/** A cache without snapshots, but with the image that everybody uses. */
let cache: string;
const running: Guest[] = [];

async function start(options: StartOptions = {}): Promise<Guest[]> {
  const guests = await startGuests({ cacheDirectory: cache, ...options });
  running.push(...guests);
  return guests;
}

beforeAll(async () => {
  image = await buildGuestImage();
  cache = await mkdtemp(join(tmpdir(), 'vmq-cache-'));
  await symlink(join(cacheDirectory(), 'images'), join(cache, 'images'));
});
afterAll(async () => {
  await Promise.all(running.map((guest) => guest.stop()));
  await rm(cache, { recursive: true, force: true });
});

/** A boot on a busy machine takes minutes. */
const bootTime = 600_000;

/** From how many pages of code the emulator translates one module, as it says itself. */
function pagesOfModule(emulator: Guest['emulator']): number {
  const { cpu } = machineOf(emulator) as unknown as {
    cpu: { wm: { exports: { get_jit_config(setting: 1): number } } };
  };
  return cpu.wm.exports.get_jit_config(1);
}

/** The outputs of a command in several guests. */
const outputs = async (guests: readonly Guest[], command: string): Promise<string[]> =>
  (await Promise.all(guests.map((guest) => guest.run(command)))).map(({ output }) => output);

describe('startGuests', { timeout: bootTime }, () => {
  it('boots one guest, and the others and all later ones come from its snapshot', async () => {
    const first = await start({ count: 2 });
    expect(first.map(({ fromSnapshot }) => fromSnapshot)).toEqual([false, true]);
    expect(await readdir(join(cache, 'snapshots'))).toHaveLength(1);

    const second = await start({ count: 2 });
    expect(second.map(({ fromSnapshot }) => fromSnapshot)).toEqual([true, true]);
    expect(second[0].bootMs).toBeLessThan(first[0].bootMs);

    const all = [...first, ...second];
    expect(all.map(({ emulator }) => pagesOfModule(emulator))).toEqual([1, 1, 1, 1]);
    expect(await outputs(all, 'hostname')).toEqual(['vm1\n', 'vm2\n', 'vm1\n', 'vm2\n']);
    const uuids = await outputs(all, 'cat /proc/sys/kernel/random/uuid');
    expect(new Set(uuids).size).toBe(4);
    const asked = Date.now() / 1000;
    for (const text of await outputs(all, 'date +%s')) {
      expect(Number(text)).toBeGreaterThan(asked - 5);
      expect(Number(text)).toBeLessThan(Date.now() / 1000 + 2);
    }
    await Promise.all(all.map((guest) => guest.stop()));
  });

  it('boots anew when the snapshot is of no use', async () => {
    const folder = join(cache, 'snapshots');
    const [name] = await readdir(folder);
    await new SnapshotCache(folder).write(name.replace(/\..*/, ''), new ArrayBuffer(1000));
    const steps: string[] = [];
    const [guest] = await start({ count: 1, onProgress: ({ step }) => steps.push(step) });
    expect(guest.fromSnapshot).toBe(false);
    expect(steps).toEqual([
      'starting guest 1',
      'the snapshot is of no use, so the guest boots anew',
      'booting guest 1',
      'taking a snapshot',
    ]);
    await guest.stop();
    const [later] = await start({ count: 1 });
    expect(later.fromSnapshot).toBe(true);
    await later.stop();
  });

  it.each<[string, StartOptions, RegExp]>([
    ['no guests', { count: 0 }, /1 or more/],
    ['half a guest', { count: 1.5 }, /1 or more/],
    ['too little memory', { memoryMiB: 64 }, /65 to 2047 MiB/],
    ['memory for the kernel, but not for the RAM disk', { memoryMiB: 70 }, /more than \d+ MiB/],
    ['a kernel that is not there', { kernel: '/nowhere/vmlinuz' }, /\/nowhere\/vmlinuz cannot be read: there is none/],
    ['a kernel that is none', { kernel: '/etc/hostname' }, /not a bzImage/],
    ['a RAM disk alone', { initrd: '/etc/hostname' }, /needs the kernel/],
    ['too long a command line', { commandLine: 'x'.repeat(2048) }, /up to 2047 characters/],
  ])('refuses %s', async (_, options, message) => {
    const failure = start({ useCache: false, ...options });
    await expect(failure).rejects.toThrow(UserError);
    await expect(failure).rejects.toThrow(message);
  });

  it('gives up when it is told to', async () => {
    const controller = new AbortController();
    const failure = start({ useCache: false, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 1000);
    await expect(failure).rejects.toThrow('enough');
  });
});

describe('run', () => {
  let guest: Guest;
  beforeAll(async () => {
    [guest] = await start({ count: 1, commandLine: 'quiet' });
  });
  const run = (command: string, timeoutMs = 60_000): Promise<RunResult> => guest.run(command, { timeoutMs });

  it('has the command line that was asked for', async () => {
    expect((await run('cat /proc/cmdline')).output).toMatch(/^console=ttyS0 .* quiet\n$/);
  });

  it.each<[string, string, number, string]>([
    ['output', 'echo hello', 0, 'hello\n'],
    ['exactly the output', String.raw`printf 'a\r\nb\n\n\tc'`, 0, 'a\r\nb\n\n\tc'],
    ['an exit', 'echo a; exit 3', 3, 'a\n'],
    ['a here-document', "cat <<'END'\n$HOME \\ 'x' \"y\"\tz\x03\nEND", 0, '$HOME \\ \'x\' "y"\tz\x03\n'],
    ['UTF-8', 'echo "é 日本 🐧"', 0, 'é 日本 🐧\n'],
    ['a program that reads its input', 'cat; echo after', 0, 'after\n'],
    ['a job in the background', 'sleep 60 & echo started', 0, 'started\n'],
    ['a command killed by SIGINT', 'sh -c "kill -INT \\$\\$"', 130, ''],
    ['a change of the terminal', 'stty -F /dev/ttyS0 sane; echo x', 0, 'x\r\n'],
    ['what comes after that', 'stty -F /dev/ttyS0 -opost -echo; echo x', 0, 'x\n'],
  ])('gives %s', async (_, command, status, output) => {
    expect(await run(command)).toMatchObject({ status, output });
  });

  it('tells a syntax error, and goes on', async () => {
    expect(await run('echo (')).toMatchObject({ status: 2, output: expect.stringContaining('syntax error') as string });
    expect(await run('echo on')).toMatchObject({ status: 0, output: 'on\n' });
  });

  it('gives output that is not UTF-8', async () => {
    expect([...(await run(String.raw`printf '\377\000\200'`)).bytes]).toEqual([0xff, 0, 0x80]);
  });

  it('takes commands longer than what the terminal holds', async () => {
    const text = `${'0123456789 \'"\\$'.repeat(2000)}é`;
    expect((await run(`cat <<'END'\n${text}\nEND`)).output).toBe(`${text}\n`);
  });

  it('gives large output', async () => {
    const { output } = await run('head -c 300000 /dev/zero | tr "\\0" x');
    expect(output).toBe('x'.repeat(300_000));
  });

  it.each([
    ['an ordinary one', 'sleep 1000'],
    ['one that fills the console', 'yes'],
    ['one that ignores Ctrl-C', 'trap "" INT; while :; do :; done'],
    ['one that ignores Ctrl-C and Ctrl-\\', 'trap "" INT QUIT; while :; do :; done'],
  ])('ends a command after its time, %s, and is ready again', async (_, command) => {
    const failure = run(`echo begun; ${command}`, 2000);
    const next = run('echo next');
    await expect(failure).rejects.toThrow(GuestTimeout);
    await expect(failure).rejects.toThrow(/did not finish within 2 s\. Its console's last lines:\n/);
    expect(await next).toMatchObject({ status: 0, output: 'next\n' });
  });

  it('gives the console to a person and takes it again', async () => {
    await guest.shell.interactive();
    guest.console.write('echo $((6 * 7))\r');
    await guest.console.waitFor(/echo \$\(\(6 \* 7\)\)\r\n42\r\n/, { timeoutMs: 30_000 });
    expect(await run('echo back')).toMatchObject({ output: 'back\n' });
  });

  it('gives cards an interface and an address', async () => {
    await expect(guest.addCard({ address: '10.0.0.1; reboot' })).rejects.toThrow(UserError);
    await expect(guest.addCard({ address: '10.0.0.1/33' })).rejects.toThrow(UserError);
    const first = await guest.addCard({ queuePairs: 2, mac: '52:54:00:00:00:01', address: '10.1.2.3/20' });
    const second = await guest.addCard({ address: 'fd00::2/64', slot: 9 });
    const third = await guest.addCard();
    expect(guest.cards).toEqual([first, second, third]);
    expect(guest.cards.map(({ interfaceName }) => interfaceName)).toEqual(['eth0', 'eth1', 'eth2']);
    expect(second.slot).toBe(9);
    const { output } = await run('ip -o address; ip -o link');
    expect(output).toMatch(/eth0\s+inet 10\.1\.2\.3\/20 brd 10\.1\.15\.255/);
    expect(output).toMatch(/eth1\s+inet6 fd00::2\/64/);
    expect(output).toMatch(/eth0: <[^>]*\bUP\b.*52:54:00:00:00:01/);
    expect(output).toMatch(/eth2: <[^>]*\bUP\b/);
  });

  it('fails at once when the guest panics, and ever after', async () => {
    const failure = run('echo c >/proc/sysrq-trigger');
    await expect(failure).rejects.toThrow(GuestEnded);
    await expect(failure).rejects.toThrow(/kernel panicked.*last lines:[^]*sysrq triggered crash/);
    await expect(run('echo')).rejects.toThrow(GuestEnded);
    expect((await guest.console.ended).message).toMatch(/panicked/);
  });

  it.each([
    ['poweroff -f', /switched off/],
    ['reboot -f', /rebooted/],
  ])('fails at once after %s', async (command, message) => {
    const [other] = await start({ count: 1, commandLine: 'quiet' });
    expect(other.fromSnapshot).toBe(true);
    await expect(other.run(command)).rejects.toThrow(message);
    await expect.poll(() => other.emulator.is_running()).toBe(false);
  });

  it('stops for good', async () => {
    const [other] = await start({ count: 1, commandLine: 'quiet' });
    const failure = other.run('sleep 1000');
    const stopped = setTimeout(() => void other.stop(), 500);
    await expect(failure).rejects.toThrow('The guest was stopped.');
    clearTimeout(stopped);
    await other.stop();
    const count = other.emulator.get_instruction_counter();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(other.emulator.get_instruction_counter()).toBe(count);
  });
});

describe("a person's own files", { timeout: bootTime }, () => {
  /** The image's RAM disk with another first process. */
  async function initrdWith(init: string): Promise<string> {
    const data = new TextEncoder().encode(`#!/bin/busybox sh\nexec </dev/console >/dev/console 2>&1\n${init}\n`);
    const path = join(cache, `initrd-${init.length}`);
    const extra = gzipSync(packCpio(new Map([['init', { kind: 'file', mode: 0o755, data }]])));
    // The kernel unpacks one archive after the other, and files of the last stay.
    const main = await readFile(image.initrd);
    await writeFile(path, Buffer.concat([main, Buffer.alloc(-main.length & 3), extra]));
    return path;
  }
  const boot = async (init: string, options: StartOptions = {}): Promise<Guest[]> =>
    start({ count: 1, useCache: false, kernel: image.kernel, initrd: await initrdWith(init), ...options });

  it('come to whatever prompt they have', async () => {
    const [guest] = await boot(
      [
        'export PATH=/applets',
        '/bin/busybox mkdir /applets',
        '/bin/busybox --install -s /applets',
        "printf 'Please press Enter to activate this console. '",
        'read line',
        "PS1='\\w $ ' exec setsid -c sh",
      ].join('\n'),
    );
    expect(await guest.run('echo "$((6 * 7))"')).toMatchObject({ status: 0, output: '42\n' });
  });

  it('are refused when they ask for a login', async () => {
    const failure = boot(`/bin/busybox printf 'debian login: '; read name`);
    await expect(failure).rejects.toThrow(UserError);
    await expect(failure).rejects.toThrow(/asks for a login/);
  });

  it('are refused when they end', async () => {
    await expect(boot('exit 1')).rejects.toThrow(/kernel panicked.*last lines:[^]*Attempted to kill init/);
  });

  it('are refused when no prompt comes', async () => {
    const failure = boot('while :; do read x; done', { bootTimeoutMs: 20_000 });
    await expect(failure).rejects.toThrow(/no shell prompt within 20 s\. Its console's last lines:\n/);
  });
});
