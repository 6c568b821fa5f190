import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Report } from '../../src/cli/report.js';
import { InstalledCommand } from '../cli/installed.js';
import { bySequence, dissectFile, passages, wireshark } from '../ports/wireshark.js';

let vmq: InstalledCommand;
const folder = mkdtempSync(join(tmpdir(), 'vmq-capture-'));

beforeAll(async () => {
  vmq = await InstalledCommand.create();
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await vmq.remove();
});

const execs = (...commands: string[]): string[] => commands.flatMap((command) => ['--exec', command]);

describe('vmq boot --capture', () => {
  it("writes what passes the guests' ports, which tshark reads without a warning", async () => {
    const file = join(folder, 'guests.pcapng');
    const { status, stdout } = await vmq.run([
      ...['boot', '--json', '--guests', '2', '--capture', file],
      ...execs('ping -c 5 -i 0.2 10.0.0.2', 'iperf3 -c 10.0.0.2 -t 1', 'ping -c 1 -W 1 10.0.0.77'),
    ]);
    expect(status).toBe(1);
    const { capture } = JSON.parse(stdout) as Report;
    expect(capture).toMatchObject({ file, ports: [{ name: 'guest 1' }, { name: 'guest 2' }] });
    for (const { seen, written, missed } of capture!.ports) expect(written + missed).toBe(seen);

    const about = wireshark('capinfos', [file]);
    expect(about.stderr).toBe('');
    expect(about.stdout).toMatch(/Number of interfaces in file: 2\n/);
    const pings = dissectFile(
      file,
      ['frame.interface_name', 'frame.packet_flags_direction', 'icmp.seq'],
      ['-Y', 'icmp.type == 8 && ip.dst == 10.0.0.2'],
    );
    const passage = [
      ['guest 1', '0x00000001'],
      ['guest 2', '0x00000002'],
    ];
    expect(bySequence(pings)).toEqual(passages(5, passage));
    const large = dissectFile(file, ['frame.comment'], ['-Y', 'frame.len > 1514 && tcp']);
    expect(large.length).toBeGreaterThan(0);
    for (const [comments] of large) {
      expect(comments).toMatch(/Not segmented yet: TCP over IPv4, \d+ bytes each\.;Checksum not filled in yet/);
    }
    // In whichever order the two ran, no frame of the stream is missing on its way from one port to the other.
    if (capture!.ports.every(({ missed }) => missed === 0)) {
      const count = (port: string, direction: number): number =>
        dissectFile(
          file,
          ['frame.number'],
          ['-Y', `tcp && frame.interface_name == "${port}" && frame.packet_flags_direction == ${direction}`],
        ).length;
      expect(count('guest 2', 2)).toBe(count('guest 1', 1));
    }
  });

  it('writes to standard output for a reader that follows it', async () => {
    const command = `'${process.execPath}' '${vmq.script}' boot --capture - --snap-length 60 --exec 'ping -c 3 10.0.0.2'`;
    const reader = `tshark -n -r - -Y icmp -T fields -e frame.cap_len -e frame.len`;
    const child = spawn('sh', ['-c', `${command} | ${reader}`], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    expect(stdout.split('\n').slice(0, -1)).toEqual(new Array<string>(12).fill('60\t98'));
    expect(stderr).toMatch(/3 packets received/);
    expect(stderr).toMatch(/captured \d+ frames on standard output\n/);
  });
});
