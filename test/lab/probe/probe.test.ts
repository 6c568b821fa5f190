import { describe, expect, it } from 'vitest';

import { features, openModern, withoutOrphans } from '../../../src/driver/index.js';
import { brokenRules, describeRule, negotiateStepByStep, readTree, sweep } from '../../../src/lab/probe/index.js';
import type { TreeNode } from '../../../src/lab/probe/index.js';
import { inProcess } from '../../../src/lab/targets/inProcess.js';
import { v86Own } from '../../../src/lab/targets/v86.node.js';

const version = features('VIRTIO_F_VERSION_1');

describe('the steps of a negotiation', () => {
  it('show the device status after each', async () => {
    const transport = await openModern(inProcess({ queuePairs: 2 }).machine);
    const negotiated = await negotiateStepByStep(transport, (offered) => offered);
    expect(negotiated.steps.map(({ step, status }) => [step, status])).toEqual([
      ['reset', 0],
      ['ACKNOWLEDGE', 1],
      ['DRIVER', 3],
      ['features accepted', 3],
      ['FEATURES_OK', 11],
      ['5 queues enabled', 11],
      ['DRIVER_OK', 15],
    ]);
    expect(negotiated.steps.at(-1)?.bits).toEqual(['ACKNOWLEDGE', 'DRIVER', 'DRIVER_OK', 'FEATURES_OK']);
    expect(negotiated.accepted).toEqual(negotiated.offered);
    expect(negotiated).not.toHaveProperty('refusal');
    expect(negotiated).not.toHaveProperty('readBack');
    expect(negotiated.tolerated).toEqual([]);
  });

  it('end where the device refuses, and tell by which dependency and for which features', async () => {
    const transport = await openModern(inProcess().machine);
    const accepted = features('VIRTIO_NET_F_MQ', 'VIRTIO_NET_F_CTRL_RX', 'VIRTIO_NET_F_MAC') | version;
    const { steps, refusal } = await negotiateStepByStep(transport, () => accepted);
    expect(steps.at(-1)).toEqual({ step: 'FEATURES_OK', status: 3, bits: ['ACKNOWLEDGE', 'DRIVER'] });
    expect(refusal).toEqual({
      broken: ['VIRTIO_NET_F_CTRL_RX', 'VIRTIO_NET_F_MQ'].map((feature) => {
        return { kind: 'dependency', feature, needs: ['VIRTIO_NET_F_CTRL_VQ'], section: '5.1.3.1' };
      }),
      without: ['VIRTIO_NET_F_CTRL_RX', 'VIRTIO_NET_F_MQ'],
    });
  });

  it('tell what a device agreed to though it should not have', async () => {
    const target = await v86Own();
    const transport = await openModern(target.machine);
    const { refusal, tolerated } = await negotiateStepByStep(transport, () => features('VIRTIO_NET_F_MQ') | version);
    await target.close();
    expect(refusal).toBeUndefined();
    expect(tolerated.map(describeRule)).toEqual(['VIRTIO_NET_F_MQ needs VIRTIO_NET_F_CTRL_VQ']);
  });
});

describe('the rules of a set', () => {
  const offered = features('VIRTIO_NET_F_MAC', 'VIRTIO_NET_F_MQ') | version;

  it('are kept by what is offered and has what it needs', () => {
    expect(brokenRules(features('VIRTIO_NET_F_MAC') | version, offered)).toEqual([]);
  });

  it('want nothing that is not offered, whatever that needs itself', () => {
    const wrong = brokenRules(features('VIRTIO_NET_F_CTRL_RX') | version | (1n << 100n), offered);
    expect(wrong.map(describeRule)).toEqual(['VIRTIO_NET_F_CTRL_RX is not offered', 'bit 100 is not offered']);
  });

  it('want VIRTIO_F_VERSION_1, where it is offered', () => {
    expect(brokenRules(0n, offered).map(({ kind }) => kind)).toEqual(['version']);
    expect(brokenRules(0n, 0n)).toEqual([]);
  });
});

describe('a sweep', () => {
  it('finds that our card does as the specification says', async () => {
    const transport = await openModern(inProcess().machine);
    const told: number[] = [];
    const found = await sweep(transport, { random: 90, progress: (done) => void told.push(done) });
    const offered = await transport.offered();
    const count = found.offered.length - 1;
    expect(found.surprises).toEqual([]);
    expect(found.counts.map(({ tried }) => tried)).toEqual([128, (count * (count - 1)) / 2, 90]);
    expect(told).toEqual(Array.from({ length: told.length }, (_, i) => i));
    const [singles, , random] = found.counts;
    // The card agrees to those features that need no other, and to the third of the random sets that is sensible.
    const alone = found.offered.filter(
      (_, i) => withoutOrphans(version | bit(offered, i)) === (version | bit(offered, i)),
    );
    expect(singles.accepted).toBe(alone.length);
    expect(random.accepted).toBeGreaterThanOrEqual(30);
    expect(random.refused).toBeGreaterThanOrEqual(30);
  });

  it('tries the same sets for the same seed', async () => {
    const target = await v86Own();
    const transport = await openModern(target.machine);
    const runs = [];
    for (const seed of [7, 7, 8]) runs.push(await sweep(transport, { random: 300, seed }));
    await target.close();
    expect(runs[0]).toEqual(runs[1]);
    expect({ ...runs[2], seed: 7 }).not.toEqual(runs[0]);
  });

  it('has each rule that a device does not keep, with the smallest set that shows it', async () => {
    const target = await v86Own();
    const { counts, surprises } = await sweep(await openModern(target.machine), { random: 0 });
    await target.close();
    expect(surprises.map(({ did, rule }) => `${did}: ${rule}`)).toEqual([
      'accepted: VIRTIO_NET_F_MQ needs VIRTIO_NET_F_CTRL_VQ',
      'accepted: VIRTIO_NET_F_CTRL_MAC_ADDR needs VIRTIO_NET_F_CTRL_VQ',
    ]);
    expect(surprises[0].example).toEqual(['VIRTIO_NET_F_MQ', 'VIRTIO_F_VERSION_1']);
    expect(counts[0]).toEqual({ kind: 'single features', tried: 128, accepted: 7, refused: 121, surprises: 2 });
  });
});

/** The feature that is the `index`th of those that are offered. */
function bit(offered: bigint, index: number): bigint {
  let left = offered;
  for (let i = 0; i < index; i++) left &= left - 1n;
  return left & -left;
}

describe('the tree of a card', () => {
  it('has registers, capabilities, queues and the configuration as they are', async () => {
    const transport = await openModern(inProcess({ queuePairs: 2, queueSize: 64, mtu: 9000 }).machine);
    const tree = await readTree(transport, await transport.offered());
    expect(find(tree, 'header', 'vendor')).toMatchObject({ value: 0x1af4, width: 2 });
    expect(find(tree, 'capabilities')?.children?.map(({ name }) => name.split(',')[0])).toEqual(
      expect.arrayContaining(['MSI-X', 'virtio common', 'virtio notify', 'virtio isr', 'virtio device', 'virtio pci']),
    );
    expect(find(tree, 'common configuration', 'num_queues')).toMatchObject({ value: 5 });
    expect(find(tree, 'queues')?.children).toHaveLength(5);
    expect(find(tree, 'queues', 'queue 4', 'queue_size')).toMatchObject({ value: 64 });
    expect(find(tree, 'queues', 'queue 0', 'queue_msix_vector')).toMatchObject({ value: 0xffff, means: 'none' });
    expect(find(tree, 'network configuration', 'mac')).toMatchObject({ value: '52:54:00:12:34:56' });
    expect(find(tree, 'network configuration', 'mtu')).toMatchObject({ value: 9000 });
  });

  it('has no field that nothing offered gives a meaning', async () => {
    const transport = await openModern(inProcess({ features: { VIRTIO_NET_F_MTU: false } }).machine);
    const tree = await readTree(transport, await transport.offered());
    expect(find(tree, 'network configuration', 'mtu')).toBeUndefined();
    expect(find(tree, 'network configuration', 'speed')).toBeDefined();
  });
});

function find(nodes: readonly TreeNode[], ...path: readonly string[]): TreeNode | undefined {
  const [name, ...rest] = path;
  const node = nodes.find((one) => one.name === name);
  return rest.length === 0 ? node : node && find(node.children ?? [], ...rest);
}
