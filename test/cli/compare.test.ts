import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { compareText, type CompareReport } from '../../src/cli/compare.js';
import { main } from '../../src/cli/main.js';
import { wrapTightly } from '../../src/cli/wrap.js';
import { TestOutput, testStreams } from './streams.js';

let folder: string;
beforeAll(async () => (folder = await mkdtemp(join(tmpdir(), 'vmq-compare-'))));
afterAll(() => rm(folder, { recursive: true }));

async function conform(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const streams = testStreams();
  streams.stdout.columns = 140;
  const status = await main(['conform', ...args], streams);
  return { status, out: streams.stdout.text, err: streams.stderr.text };
}

/** One case in which they agree, one in which v86's card fails, and one that it can't be asked. */
const cases = ['mac-in-config-before-used', 'status-before-driver-ok', 'rx-promiscuous'].flatMap((id) => [
  '--case',
  id,
]);

describe('vmq conform --compare', () => {
  it('answers with the cases in which the cards differ, and ends with 0 though one fails', async () => {
    const { status, out } = await conform('--compare', 'v86,virtio-mq', '--json', ...cases);
    expect(status).toBe(0);
    const report = JSON.parse(out) as CompareReport;
    expect(report.targets).toEqual(['v86', 'virtio-mq']);
    expect(report.summary).toEqual({
      cases: 3,
      different: 2,
      targets: {
        v86: { passed: 1, failed: 1, skipped: 1 },
        'virtio-mq': { passed: 3, failed: 0, skipped: 0 },
      },
    });
    expect(report.differences.map((one) => [one.case, one.section, one.statements])).toEqual([
      ['status-before-driver-ok', '2.1.2', expect.any(Array)],
      ['rx-promiscuous', '5.1.6.5.1', ['net-dev-060']],
    ]);
    expect(report.differences[1].results).toEqual({
      v86: { result: 'skip', seen: 'not offered: VIRTIO_NET_F_CTRL_RX' },
      'virtio-mq': {
        result: 'pass',
        seen: '4 of 4 frames (stranger, group, broadcast, own) got through with promiscuous on',
      },
    });
  });

  it('shows them to people as tables, and writes the report', async () => {
    const html = join(folder, 'report.html');
    const { status, out } = await conform('--compare', 'virtio-mq,v86', '--html', html, ...cases);
    expect(status).toBe(0);
    expect(out).toMatch(
      /Not every target keeps to these\n\ncase +section +virtio-mq +v86\n─+\nstatus-before-driver-ok +2.1.2 +pass: .*FAIL: /,
    );
    expect(out).toMatch(/Not every target can be asked these\n\n.*\n─+\nrx-promiscuous +5.1.6.5.1 +pass: 4 of 4/);
    expect(out).toMatch(/\nv86: 1 passed, 1 failed, 1 skipped\n2 of 3 cases have different results\n$/);
    const page = await readFile(html, 'utf8');
    expect(page.match(/<tr data-/g)).toHaveLength(3);
    expect(page).toContain('<th>virtio-mq</th><th>v86</th>');
  });

  it.each([60, 80, 132])('keeps to the width of the terminal: %i', (columns) => {
    const out = Object.assign(new TestOutput(), { columns });
    const seen = '0x69afc01dd30ff87ae offered, VIRTIO_NET_F_GUEST_ANNOUNCE without VIRTIO_NET_F_CTRL_VQ';
    const text = compareText(
      {
        targets: ['one', 'two'],
        differences: [
          {
            case: 'features-requirements-without-control-queue',
            statements: ['basic-dev-001'],
            section: '5.1.6.5.1',
            expected: 'nothing',
            results: { one: { result: 'pass', seen }, two: { result: 'fail', seen } },
          },
        ],
        summary: {
          cases: 1,
          different: 1,
          targets: { one: { passed: 1, failed: 0, skipped: 0 }, two: { passed: 0, failed: 1, skipped: 0 } },
        },
      },
      out,
    );
    const lines = text.split('\n');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(Math.max(columns, 76));
    const squeezed = text.replace(/\s/g, '');
    for (const word of ['FAIL:', 'VIRTIO_NET_F_', 'requirements-']) expect(squeezed).toContain(word);
  });

  it.each([
    [[], 'vmq conform needs a card: name one with --target, or several with --compare.'],
    [
      ['--compare', 'qemu'],
      "--compare takes two or more different ones of virtio-mq, virtio-mq-workers, qemu, v86, with commas; got 'qemu'.",
    ],
    [
      ['--compare', 'v86,v86'],
      "--compare takes two or more different ones of virtio-mq, virtio-mq-workers, qemu, v86, with commas; got 'v86,v86'.",
    ],
    [
      ['--compare', 'v86,bochs'],
      "--compare takes two or more of virtio-mq, virtio-mq-workers, qemu, v86, with commas; 'bochs' is not one.",
    ],
    [['--compare', 'v86,qemu', '--target', 'v86'], '--target and --compare both name cards; give one of them.'],
    [['--target', 'v86', '--html', 'x.html'], '--html is the report of a comparison; name cards with --compare.'],
    [
      ['--compare', 'v86,virtio-mq', '--case', 'rx-promiscous'],
      "--case takes the id of a case or of a statement; 'rx-promiscous' is neither. Did you mean 'rx-promiscuous'?",
    ],
  ])('%j is answered with one sentence and status 2', async (args, message) => {
    expect(await conform(...args)).toEqual({ status: 2, out: '', err: `${message}\n` });
  });

  it('plays nothing when the report could not be written', async () => {
    for (const path of [folder, join(folder, 'nowhere', 'x.html')]) {
      expect(await conform('--compare', 'v86,virtio-mq', '--html', path)).toEqual({
        status: 2,
        out: '',
        err: `--html takes a file that can be written; '${path}' is not one.\n`,
      });
    }
    expect((await readdir(folder)).filter((name) => name !== 'report.html')).toEqual([]);
  });
});

it('breaks words that are longer than a line behind their marks, and goes on in the same line', () => {
  expect(wrapTightly('VIRTIO_NET_F_CTRL_VQ is 0123456789abcdef', 10)).toBe(
    'VIRTIO_\nNET_F_\nCTRL_VQ is\n0123456789\nabcdef',
  );
});
