import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Report } from '../../src/cli/report.js';
import { InstalledCommand } from '../cli/installed.js';

let vmq: InstalledCommand;

beforeAll(async () => {
  vmq = await InstalledCommand.create();
});
afterAll(() => vmq.remove());

async function boot(
  guests: number,
  links: readonly string[],
  ...commands: string[]
): Promise<{ report: Report; output: string[] }> {
  const args = [...links.flatMap((link) => ['--link', link]), ...commands.flatMap((command) => ['--exec', command])];
  const { stdout, stderr } = await vmq.run(['boot', '--json', '--guests', String(guests), ...args]);
  if (stdout === '') throw new Error(stderr);
  const report = JSON.parse(stdout) as Report;
  return { report, output: report.runs.map((run) => run.stdout) };
}

/** In milliseconds. */
const roundTrips = (ping: string): number[] =>
  Array.from(ping.matchAll(/ time=([\d.]+) ms/g), ([, time]) => Number(time));
/** In Mbit/s, as the receiver saw it. */
const received = (iperf: string): number => Number(/([\d.]+) Mbits\/sec +receiver/.exec(iperf)?.[1]);

describe('vmq boot --link', () => {
  it('has ping show the delay, iperf3 the rate, and a guest with a good link nothing of it', async () => {
    const { report, output } = await boot(
      3,
      ['2:rate=8mbit,delay=40ms'],
      'ping -c 8 -i 0.2 10.0.0.2',
      'iperf3 -c 10.0.0.2 -t 4 -f m',
      'iperf3 -c 10.0.0.2 -R -t 4 -f m',
      'iperf3 -c 10.0.0.3 -t 3 -f m',
      'iperf3 -c 10.0.0.2 -t 6 >/dev/null & sleep 1; iperf3 -c 10.0.0.3 -t 3 -f m; wait',
    );
    const times = roundTrips(output[0]);
    expect(times).toHaveLength(8);
    // Each way has the delay. A machine that is busy makes it longer, but never shorter.
    expect(Math.min(...times)).toBeGreaterThanOrEqual(80);
    expect(Math.min(...times)).toBeLessThan(160);
    const [toSlow, fromSlow, alone, beside] = output.slice(1).map(received);
    for (const rate of [toSlow, fromSlow]) {
      // What TCP carries is at most 1448 of 1514 bytes.
      expect(rate).toBeLessThanOrEqual(8);
      expect(rate).toBeGreaterThan(Math.min(4, alone / 8));
    }
    // One that waited for the slow one would get no more than that. What it gets exactly, headOfLine.test.ts shows: here
    // three guests share the machine's processors, however fast these are.
    expect(beside).toBeGreaterThan(Math.min(2 * 8, alone / 4));
    for (const { lanes } of report.devices) for (const { dropped } of lanes) expect(dropped).toEqual({});
  });

  it('loses what it is told to, and counts it', async () => {
    const { report, output } = await boot(2, ['loss=20%,seed=3'], 'ping -c 100 -i 0.02 -W 1 10.0.0.2; true');
    const [, lost] = /([\d.]+)% packet loss/.exec(output[0])!;
    // A ping and its answer cross four ways: 41 % get through.
    expect(Number(lost)).toBeGreaterThan(35);
    expect(Number(lost)).toBeLessThan(85);
    const losses = report.devices.flatMap(({ lanes }) => lanes.map(({ dropped }) => dropped.linkLoss ?? 0));
    expect(losses.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(30);
  });
});
