import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { escapeKey } from '../../src/cli/keys.js';
import type { BuildReport } from '../../src/cli/guestBuild.js';
import type { Report } from '../../src/cli/report.js';
import { InstalledCommand } from '../cli/installed.js';
import { range } from './network.js';

let vmq: InstalledCommand;

beforeAll(async () => {
  vmq = await InstalledCommand.create();
  // The image and the snapshot, if they are not there yet: the tests below are about warm starts.
  await vmq.run(['boot', '--guests', '1', '--exec', 'true']);
});
afterAll(() => vmq.remove());

async function bootJson(...args: string[]): Promise<{ status: number | null; report: Report; stderr: string }> {
  const { status, stdout, stderr } = await vmq.run(['boot', '--json', ...args]);
  return { status, report: JSON.parse(stdout) as Report, stderr };
}

const execs = (...commands: string[]): string[] => commands.flatMap((command) => ['--exec', command]);

describe('two guests on one multiqueue network, from one command', () => {
  const ping = 'ping -c 20 -i 0.05 -s 1400 10.0.0.2';
  const iperf = 'iperf3 -c 10.0.0.2 -P 32 -t 5';
  const channels = 'ethtool -L eth0 combined 4';
  let status: number | null;
  let report: Report;
  let stderr: string;

  beforeAll(async () => {
    ({ status, report, stderr } = await bootJson(
      ...['--guests', '2', '--queues', '4'],
      ...execs(channels, `2:${channels}`, ping, iperf, 'cat /proc/interrupts'),
    ));
  });

  const output = (command: string): string => report.runs.find((run) => run.command === command)!.stdout;

  it('ran every command in its guest, in order and with success', () => {
    expect(report.runs.map(({ guest, command, status }) => [guest, command, status])).toEqual([
      [1, channels, 0],
      [2, channels, 0],
      [1, ping, 0],
      [1, iperf, 0],
      [1, 'cat /proc/interrupts', 0],
    ]);
    expect(status).toBe(0);
  });

  it('tells of the guests, and of what happens on standard error', () => {
    expect(report.guests.map(({ ip, fromSnapshot }) => [ip, fromSnapshot])).toEqual([
      ['10.0.0.1', true],
      ['10.0.0.2', true],
    ]);
    expect(new Set(report.guests.map(({ mac }) => mac)).size).toBe(2);
    for (const { bootMs } of report.guests) expect(bootMs).toBeGreaterThan(0);
    expect(stderr).toMatch(/starting guest 1\n/);
    expect(stderr).not.toContain('\x1b');
  });

  it('lost no ping', () => {
    expect(output(ping)).toMatch(/20 packets transmitted, 20 packets received, 0% packet loss/);
  });

  it('had 32 streams that moved bytes', () => {
    expect(new Set(output(iperf).match(/^\[ *\d+\].*receiver$/gm)).size).toBe(32);
    const [, amount, unit] = /^\[SUM\].*?([\d.]+) ([KMG])Bytes.*receiver$/m.exec(output(iperf))!;
    expect(Number(amount) * { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[unit]!).toBeGreaterThan(2 ** 20);
  });

  it('has four pairs in use, with MSI-X', () => {
    for (const { queuePairs, queuePairsInUse, msixEnabled, features, faults } of report.devices) {
      expect({ queuePairs, queuePairsInUse, msixEnabled }).toEqual({
        ...{ queuePairs: 4, queuePairsInUse: 4, msixEnabled: true },
      });
      expect(features).toEqual(
        expect.arrayContaining(['VIRTIO_NET_F_MQ', 'VIRTIO_NET_F_CTRL_VQ', 'VIRTIO_F_VERSION_1']),
      );
      expect(faults).toEqual([]);
    }
  });

  it('had interrupts of every input and output of both guests', () => {
    const names = range(4).flatMap((pair) => [`input.${pair}`, `output.${pair}`]);
    for (const { vectors } of report.devices) {
      expect(vectors).toHaveLength(10);
      const fired = new Map(vectors.map(({ use, fired }) => [use, fired]));
      for (const name of names) expect(fired.get(name), name).toBeGreaterThan(0);
    }
    const table = output('cat /proc/interrupts');
    for (const name of names) {
      const row = table.split('\n').find((line) => line.endsWith(`virtio0-${name}`));
      expect(Number(/^ *\d+: +(\d+)/.exec(row!)![1]), name).toBeGreaterThan(0);
    }
  });

  it('counted frames on every lane and dropped none', () => {
    for (const { lanes } of report.devices) {
      expect(lanes).toHaveLength(4);
      for (const { rxFrames, txFrames, rxBytes, txBytes, dropped } of lanes) {
        for (const count of [rxFrames, txFrames, rxBytes, txBytes]) expect(count).toBeGreaterThan(0);
        expect(dropped).toEqual({});
      }
    }
  });
});

describe('vmq boot', () => {
  it('goes on after a command that fails, takes too long or ends its guest, and tells which did', async () => {
    const { status, report, stderr } = await bootJson(
      ...['--guests', '2', '--timeout', '10'],
      ...execs('echo out; exit 3', 'echo begun; sleep 60', '2:poweroff -f', '2:true', 'echo still here'),
      ...execs('ping -c 1 -W 1 10.0.0.2'),
    );
    expect(status).toBe(1);
    expect(report.runs.map((run) => run.status)).toEqual([3, 124, 255, 255, 0, 1]);
    expect(report.runs[0].stdout).toBe('out\n');
    expect(report.runs[1].stdout).toContain('begun');
    expect(report.runs[4].stdout).toBe('still here\n');
    expect(stderr).toMatch(/Guest 1: The command "echo begun; sleep 60" did not finish within 10 s\./);
    expect(stderr).toMatch(/Guest 2: The guest was switched off\./);
  });

  it('shows output as it comes, with headings, and ends with the counters', async () => {
    const { status, stdout } = await vmq.run(['boot', ...execs('echo one', '2:hostname', 'false')]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^\nguest 1 # echo one\none\n\nguest 2 # hostname\nvm2\n\nguest 1 # false\nexit status 1\n/);
    expect(stdout).toMatch(/\nguest +pair +rx frames.*\n─+\n +1 +0 .*\n +2 +0 .*\n$/);
    expect(stdout).not.toContain('\x1b');
  });

  it('offers what --features says, and tells what became of it', async () => {
    const bits = 'cat /sys/class/net/eth0/device/features';
    const { report } = await bootJson('--guests', '1', '--features', '-mrg_rxbuf,+ACCESS_PLATFORM', ...execs(bits));
    const [{ offered, accepted, refused }] = report.devices;
    const access = { name: 'VIRTIO_F_ACCESS_PLATFORM', bit: 33 };
    expect(offered).toContainEqual(access);
    expect(accepted).toContainEqual(access);
    const mergeable = { name: 'VIRTIO_NET_F_MRG_RXBUF', bit: 15 };
    expect(offered).not.toContainEqual(mergeable);
    expect(refused).toContainEqual({ ...mergeable, reason: 'not offered' });
    // Debian's 6.1 kernel came before it.
    const late = { name: 'VIRTIO_NET_F_DEVICE_STATS', bit: 50 };
    expect(offered).toContainEqual(late);
    expect(refused).toContainEqual({ ...late, reason: 'the driver did not take it' });
    const inGuest = Array.from(report.runs[0].stdout.trim()).flatMap((set, bit) => (set === '1' ? [bit] : []));
    expect(accepted.map(({ bit }) => bit)).toEqual(inGuest);
  });

  it('gives the kernel its parameters, and the cards their MTU and number of pairs', async () => {
    const { status, report } = await bootJson(
      ...['--guests', '1', '--queues', '2', '--mtu', '1400', '--append', 'pci=nomsi', '--memory', '192'],
      ...execs('cat /proc/cmdline', 'cat /sys/class/net/eth0/mtu', 'ethtool -l eth0', 'free -m'),
    );
    expect(status).toBe(0);
    const [cmdline, mtu, channels, memory] = report.runs.map(({ stdout }) => stdout);
    expect(cmdline).toMatch(/ pci=nomsi\n$/);
    expect(mtu).toBe('1400\n');
    expect(channels).toMatch(/Combined:\s+2\n/);
    expect(Number(/^Mem: +(\d+)/m.exec(memory)![1])).toBeLessThan(192);
    expect(report.devices[0]).toMatchObject({ queuePairs: 2, msixEnabled: false });
  });

  it("boots a kernel and an initial RAM disk of one's own", async () => {
    const { stdout } = await vmq.run(['guest', 'build', '--json']);
    const { files, kernelRelease } = JSON.parse(stdout) as BuildReport;
    const path = (name: string): string => files.find((file) => file.name === name)!.path;
    const { status, report } = await bootJson(
      ...['--guests', '1', '--kernel', path('kernel'), '--initrd', path('initrd')],
      ...execs('uname -r', 'cat /sys/class/net/eth0/operstate'),
    );
    expect(status).toBe(0);
    expect(report.runs.map((run) => run.stdout)).toEqual([`${kernelRelease}\n`, 'up\n']);
  });

  it('has guests in workers gain a second card and lose it, and does what is asked of the first meanwhile', async () => {
    const { status, report } = await bootJson(
      ...['--workers', '--hotplug', '--check-driver', '--transitional', '--link', '1:delay=30ms', '--timeout', '60'],
      ...[
        '--fault',
        'interrupt-duplicate@guest=2,times=2',
        '--queues',
        '3',
        '--mtu',
        '1400',
        '--features',
        '-mrg_rxbuf',
      ],
      ...execs('ping -c 3 -I eth1 10.0.1.2', '2:cat /sys/class/net/eth[01]/mtu'),
    );
    expect(status).toBe(0);
    expect(report.runs[0].stdout).toContain(' 0% packet loss');
    expect(report.runs[1].stdout).toBe('1400\n1400\n');
    // The delay is that of both cards of guest 1, both ways.
    expect(Number(/min\/avg\/max = ([\d.]+)/.exec(report.runs[0].stdout)![1])).toBeGreaterThanOrEqual(60);
    expect(report.hotplug).toMatchObject([
      { guest: 1, interfaceName: 'eth1', ip: '10.0.1.1' },
      { guest: 2, interfaceName: 'eth1', ip: '10.0.1.2' },
    ]);
    for (const { plugMs, unplugMs } of report.hotplug!) expect(Math.min(plugMs, unplugMs!)).toBeGreaterThan(0);
    expect(report.driver).toMatchObject([{ guest: 1 }, { guest: 2 }]);
    for (const { statements } of report.driver!) {
      expect(statements.reduce((sum, { checked }) => sum + checked, 0)).toBeGreaterThan(100);
    }
    expect(report.devices.map(({ injected }) => injected)).toMatchObject([undefined, [{ count: 2 }]]);
    for (const { refused, queuePairs } of report.devices) {
      expect(queuePairs).toBe(3);
      expect(refused).toContainEqual({ name: 'VIRTIO_NET_F_MRG_RXBUF', bit: 15, reason: 'not offered' });
      expect(refused).toContainEqual(expect.objectContaining({ reason: 'offered through the legacy interface only' }));
    }
  });

  it('refuses a file that is no kernel', async () => {
    const { status, stdout, stderr } = await vmq.run(['boot', '--kernel', process.execPath, '--exec', 'true']);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/The kernel is not a bzImage; [^\n]*\n$/);
  });

  it.each([
    ['SIGINT', 130, /guest 1: sleep/],
    ['SIGTERM', 143, /starting guest 2/],
  ] as const)('ends soon at %s with status %i', async (name, expected, when) => {
    let killed = 0;
    const { status, stdout, stderr } = await vmq.run(['boot', '--json', '--exec', 'sleep 60'], {
      onStderr: (text, kill) => {
        if (killed > 0 || !when.test(text)) return;
        killed = performance.now();
        kill(name);
      },
    });
    expect({ status, stdout }).toEqual({ status: expected, stdout: '' });
    expect(stderr).toMatch(/\nStopped\.\n$/);
    expect(performance.now() - killed).toBeLessThan(20_000);
  });
});

/** The command on a terminal, which script(1) makes, with a person at it. */
class Terminal {
  readonly ended: Promise<unknown>;
  screen = '';
  private seen = 0;
  private readonly process: ChildProcessByStdio<Writable, Readable, null>;

  /** @param line a line of shell that runs on the terminal */
  constructor(line: string) {
    this.process = spawn('script', ['-qefc', `stty rows 24 cols 80; ${line}`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, SHELL: '/bin/sh', TERM: 'xterm', NO_COLOR: '1' },
    });
    this.ended = once(this.process, 'close');
    this.process.stdout.setEncoding('utf8').on('data', (text: string) => (this.screen += text));
  }

  /** Waits until what came since the last time matches. */
  async shows(pattern: RegExp): Promise<void> {
    const match = () => pattern.exec(this.screen.slice(this.seen));
    const deadline = performance.now() + 60_000;
    while (!match()) {
      if (performance.now() > deadline)
        throw new Error(`no ${String(pattern)} at the end of:\n${this.screen.slice(-1000)}`);
      await sleep(50);
    }
    const { index, 0: text } = match()!;
    this.seen += index + text.length;
  }

  type(text: string): void {
    this.process.stdin.write(text);
  }

  stop(): void {
    this.process.kill();
  }
}

describe('the console', () => {
  it('is there on a terminal, changes guests, and leaves the terminal as it was', async () => {
    const settings = 'stty --save';
    const boot = `'${process.execPath}' '${vmq.script}' boot`;
    const terminal = new Terminal(
      `before=$(${settings}); ${boot}; echo status $?; [ "$(${settings})" = "$before" ] && echo as before`,
    );
    try {
      await terminal.shows(/guest 1, 10\.0\.0\.1[^]*# $/);
      terminal.type('hostname\r');
      await terminal.shows(/\nvm1\r[^]*# $/);
      terminal.type(`${escapeKey}2`);
      await terminal.shows(/guest 2, 10\.0\.0\.2[^]*# $/);
      // Only what the command itself says tells that it is the one whom Ctrl-C is for.
      terminal.type("sh -c 'echo $((40 + 2)); exec sleep 60'\r");
      await terminal.shows(/\n42\r/);
      terminal.type('\x03');
      await terminal.shows(/\^C[^]*# $/);
      terminal.type('hostname\r');
      await terminal.shows(/\nvm2\r[^]*# $/);
      terminal.type(`${escapeKey}q`);
      await terminal.ended;
      expect(terminal.screen).toMatch(/status 0\r*\nas before\r*\n$/);
    } finally {
      terminal.stop();
    }
  });
});

describe('vmq tour', () => {
  it('shows everything, and ends well', async () => {
    const { status, stdout } = await vmq.run(['tour']);
    expect(status).toBe(0);
    for (const part of [
      /VIRTIO_NET_F_MQ +yes/,
      /input\.3/,
      /0% packet loss/,
      /All four pairs took part/,
      /npx vmq boot/,
    ]) {
      expect(stdout).toMatch(part);
    }
    expect(stdout).not.toContain('\x1b');
  });
});
