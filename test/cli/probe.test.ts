import { describe, expect, it } from 'vitest';

import { acceptance, offering } from '../../src/cli/acceptance.js';
import { main } from '../../src/cli/main.js';
import type { ProbeReport, SweepReport } from '../../src/cli/probe.js';
import { UserError } from '../../src/vm/errors.js';
import { testStreams } from './streams.js';

async function vmq(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const streams = testStreams();
  const status = await main(args, streams);
  return { status, out: streams.stdout.text, err: streams.stderr.text };
}

describe('vmq probe', () => {
  it('shows what is offered, the steps and the card, and ends with 0 when the card agreed', async () => {
    const { status, out, err } = await vmq('probe', '--target', 'virtio-mq');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/virtio-mq offers \(\d+\)\n {2}VIRTIO_NET_F_CSUM /);
    expect(out).toMatch(/FEATURES_OK +0x0b +ACKNOWLEDGE DRIVER FEATURES_OK\n/);
    expect(out).toMatch(/├─ num_queues 0x0009\n/);
    expect(out).toMatch(/│ +queue 8 +0x0010 +0xffff +0x0001 /);
    expect(out).toMatch(/└─ supported_tunnel_types 0x000001ff\n$/);
  });

  it('shows where a wrong acceptance is refused and why, and ends with 1', async () => {
    const { status, out } = await vmq('probe', '--target', 'virtio-mq', '--accept=-CTRL_VQ', '--offer', '-MTU');
    expect(status).toBe(1);
    expect(out).toMatch(
      /refused at FEATURES_OK\n(.*\n)* {2}VIRTIO_NET_F_MQ needs VIRTIO_NET_F_CTRL_VQ \(virtio 5.1.3.1\)/,
    );
    expect(out).toContain('it agrees to the rest without ');
    expect(out).not.toContain('VIRTIO_NET_F_MTU');
  });

  it('has all of it in one JSON document', async () => {
    const { status, out } = await vmq('probe', '--target', 'v86', '--accept', 'MQ,VERSION_1', '--json');
    const report = JSON.parse(out) as ProbeReport;
    expect(status).toBe(0);
    expect(report.target).toBe('v86');
    expect(report.accepted).toEqual(['VIRTIO_NET_F_MQ', 'VIRTIO_F_VERSION_1']);
    expect(report.tolerated).toHaveLength(1);
    expect(report.card.map(({ name }) => name)).toContain('queues');
  });

  it('sweeps, and ends with 1 when a card judged otherwise than the specification', async () => {
    const args = ['probe', '--sweep', '--random', '20', '--seed', '3', '--json', '--target'];
    const [ours, other] = [await vmq(...args, 'virtio-mq'), await vmq(...args, 'v86')];
    expect([ours.status, other.status]).toEqual([0, 1]);
    expect((JSON.parse(ours.out) as SweepReport).counts.map(({ surprises }) => surprises)).toEqual([0, 0, 0]);
    const text = await vmq('probe', '--sweep', '--random', '0', '--target', 'v86');
    expect(text.out).toMatch(/accepted +\d+ +VIRTIO_NET_F_MQ needs VIRTIO_NET_F_CTRL_VQ\n/);
    expect(text.out).toMatch(/Such as this, which it accepted: VIRTIO_NET_F_MQ VIRTIO_F_VERSION_1\n$/);
  });

  it.each([
    [['--target', 'nothing'], "--target takes virtio-mq or virtio-mq-workers or qemu or v86; 'nothing' is not one."],
    [
      ['--target', 'v86', '--offer', '+MQ'],
      '--offer: v86 has no switch for VIRTIO_NET_F_MQ; it offers what it offers.',
    ],
    [['--target', 'virtio-mq', '--offer', '-CTRL_VQ,+MQ'], '--offer can’t be'],
    [['--target', 'virtio-mq', '--sweep', '--accept', 'MQ'], '--sweep and --accept both say what is accepted'],
    [['--target', 'virtio-mq', '--random', '200'], '--random is for a sweep; ask for that with --sweep.'],
    [['--target', 'virtio-mq', '--seed', '5', '--accept', 'MQ'], '--seed is for a sweep; ask for that with --sweep.'],
    [['--target', 'virtio-mq', '--random', 'x', '--sweep'], '--random takes a whole number'],
  ])('refuses %j in a sentence', async (args, sentence) => {
    const { status, out, err } = await vmq('probe', ...args);
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err.replaceAll("'", '’')).toContain(sentence.replaceAll("'", '’'));
    expect(err.trim().split('\n')).toHaveLength(1);
  });
});

describe('--accept', () => {
  const offered = (1n << 22n) | (1n << 17n) | (1n << 32n);

  it.each([
    ['MQ', 1n << 22n],
    ['mq, VIRTIO_NET_F_CTRL_VQ', (1n << 22n) | (1n << 17n)],
    ['22,99', (1n << 22n) | (1n << 99n)],
    ['-MQ', (1n << 17n) | (1n << 32n)],
    ['-MQ,+24', (1n << 17n) | (1n << 32n) | (1n << 24n)],
    ['none', 0n],
  ])('%j accepts 0x%x', (text, accepted) => {
    expect(acceptance(text)(offered)).toBe(accepted);
  });

  it.each([
    ['MQ,-CTRL_VQ', 'all have + or - before them, or none of them'],
    ['QM', "no feature is called 'QM'; the numbers are 0 to 127."],
    ['CTRL_VLN', 'did you mean CTRL_VLAN'],
    ['', "no feature is called ''"],
    ['128', "no feature is called '128'"],
  ])('%j is no list', (text, sentence) => {
    expect(() => acceptance(text)).toThrow(UserError);
    expect(() => acceptance(text)).toThrow(sentence);
  });
});

describe('--offer', () => {
  it('takes signed names, of which the last counts', () => {
    expect(offering('+MQ,-mtu', offering('-MQ,-CSUM'))).toEqual({
      VIRTIO_NET_F_MQ: true,
      VIRTIO_NET_F_CSUM: false,
      VIRTIO_NET_F_MTU: false,
    });
  });

  it('wants a sign', () => {
    expect(() => offering('MQ')).toThrow(
      "--offer takes names, each with + or - before it and commas between; 'MQ' is not one.",
    );
  });
});
