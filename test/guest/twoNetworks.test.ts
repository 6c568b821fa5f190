import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import type { Report } from '../../src/cli/report.js';
import { InstalledCommand, type Outcome } from '../cli/installed.js';
import { bySequence, dissectFile, passages, wireshark } from '../ports/wireshark.js';

let vmq: InstalledCommand;
const folder = mkdtempSync(join(tmpdir(), 'vmq-two-networks-'));

beforeAll(async () => {
  vmq = await InstalledCommand.create();
  // The image and the snapshot, if they are not there yet.
  await vmq.run(['boot', '--guests', '1', '--exec', 'true']);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await vmq.remove();
});

const execs = (...commands: string[]): string[] => commands.flatMap((command) => ['--exec', command]);
const reach = (address: string): string => `until ping -c 1 -W 1 ${address} >/dev/null; do sleep 0.1; done`;
const port = (own: string, other: string): string[] => ['--port', `vxlan:vni=7,port=47897,local=${own},peer=${other}`];

it('two commands on one VXLAN have guests that differ, which reach each other', async () => {
  const file = join(folder, 'first.pcapng');
  // The one with workers has the switch that the port is on in its own thread; the other one has all there.
  const [workers, oneThread] = await Promise.all([
    vmq.run([
      ...['boot', '--json', '--capture', file, ...port('127.0.0.2', '127.0.0.3')],
      ...execs(reach('10.0.0.3'), 'ping -c 3 10.0.0.3', '2:ping -c 3 10.0.0.3'),
      ...execs('until echo over | nc -N 10.0.0.3 9000; do sleep 0.1; done'),
    ]),
    vmq.run([
      ...['boot', '--json', '--no-workers', '--guests', '1', '--first-guest', '3', ...port('127.0.0.3', '127.0.0.2')],
      ...execs('hostname', reach('10.0.0.2'), 'ping -c 3 10.0.0.2', 'nc -l -p 9000 </dev/null'),
    ]),
  ]);
  const reportOf = ({ status, stdout, stderr }: Outcome): Report => {
    expect(status, stderr).toBe(0);
    return JSON.parse(stdout) as Report;
  };
  const [first, second] = [workers, oneThread].map(reportOf);
  const macs = [first, second].flatMap(({ guests }) => guests.map(({ mac }) => mac));
  expect(new Set(macs).size).toBe(3);
  expect(second.guests).toMatchObject([{ ip: '10.0.0.3' }]);
  expect(second.runs.map(({ stdout }) => stdout)).toMatchObject(['vm3\n', '', expect.any(String), 'over\n']);
  for (const { guest, command, stdout } of [...first.runs, ...second.runs]) {
    if (command.startsWith('ping')) expect(stdout, `guest ${guest}`).toContain(' 0% packet loss');
  }
  for (const { devices, ports } of [first, second]) {
    for (const { lanes } of devices) expect(lanes.map(({ dropped }) => dropped)).toEqual([{}, {}, {}, {}]);
    expect(ports).toHaveLength(1);
  }

  // The capture of all three threads is one, in order.
  const about = wireshark('capinfos', [file]);
  expect(about.stderr).toBe('');
  expect(about.stdout).toMatch(/Strict time order: +True\n/);
  const pings = dissectFile(
    file,
    ['frame.interface_name', 'frame.packet_flags_direction', 'icmp.seq'],
    ['-Y', 'icmp.type == 8 && ip.src == 10.0.0.2 && ip.dst == 10.0.0.3'],
  );
  const [{ name: tunnel }] = first.ports!;
  const passage = [
    ['guest 2', '0x00000001'],
    [tunnel, '0x00000002'],
  ];
  expect(bySequence(pings)).toEqual(passages(3, passage));
});
