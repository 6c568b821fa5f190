import { describe, expect, it } from 'vitest';

import { checkModern, featureWishes } from '../../src/cli/featureWishes.js';
import { featureList, type FeatureReport } from '../../src/cli/features.js';
import { main } from '../../src/cli/main.js';
import { negotiated } from '../../src/cli/negotiated.js';
import { NetDevice } from '../../src/net/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { feature, newCard, runningCard, type Card } from '../support/netDriver.js';
import { PciDriver } from '../support/pciDriver.js';
import { testStreams } from './streams.js';

async function vmq(...args: string[]): Promise<string> {
  const streams = testStreams();
  expect(await main(args, streams)).toBe(0);
  expect(streams.stderr.text).toBe('');
  return streams.stdout.text;
}

describe('vmq features', () => {
  it('lists every feature with its bit, whether it is offered, what it needs and where it is specified', async () => {
    const list = JSON.parse(await vmq('features', '--json')) as FeatureReport[];
    expect(list).toEqual(featureList());
    expect(list.find(({ name }) => name === 'VIRTIO_NET_F_MQ')).toEqual({
      name: 'VIRTIO_NET_F_MQ',
      bit: 22,
      offeredByDefault: true,
      dependsOn: [['VIRTIO_NET_F_CTRL_VQ']],
      spec: '5.1.6.5.6',
    });
    expect(list.find(({ name }) => name === 'VIRTIO_F_ACCESS_PLATFORM')).toMatchObject({ offeredByDefault: false });
    expect(list.map(({ bit }) => bit)).toEqual([...new Set(list.map(({ bit }) => bit))].sort((a, b) => a - b));
  });

  it('says what a card offers that nobody told otherwise', () => {
    const { offeredFeatures } = new NetDevice(new ManualClock(), { mac: '52:54:00:12:34:56' });
    for (const { name, bit, offeredByDefault } of featureList()) {
      expect((offeredFeatures >> BigInt(bit)) & 1n, name).toBe(offeredByDefault ? 1n : 0n);
    }
  });

  it('is a table without --json', async () => {
    const lines = (await vmq('features')).trimEnd().split('\n');
    expect(lines.length).toBe(featureList().length + 2);
    expect(lines.find((line) => line.startsWith('VIRTIO_NET_F_MQ '))).toMatch(/ 22 +yes +VIRTIO_NET_F_CTRL_VQ +5\.1/);
    expect(lines.find((line) => line.startsWith('VIRTIO_NET_F_HASH_TUNNEL '))).toMatch(
      / VIRTIO_NET_F_CTRL_VQ and either VIRTIO_NET_F_RSS or VIRTIO_NET_F_HASH_REPORT +5\.1/,
    );
    expect(lines.find((line) => line.startsWith('VIRTIO_F_ACCESS_PLATFORM '))).toMatch(/ 33 +with \+ /);
    expect(lines.find((line) => line.startsWith('VIRTIO_F_ANY_LAYOUT '))).toMatch(/ 27 +transitional /);
  });
});

describe('--features', () => {
  it('knows features with and without their prefix, in any case', () => {
    expect(featureWishes('+mq, -Virtio_Net_F_MTU,+VIRTIO_F_ACCESS_PLATFORM,-event_idx')).toEqual({
      VIRTIO_NET_F_MQ: true,
      VIRTIO_NET_F_MTU: false,
      VIRTIO_F_ACCESS_PLATFORM: true,
      VIRTIO_F_EVENT_IDX: false,
    });
  });

  it('may be given more than once, and the last word counts', () => {
    expect(featureWishes('-MTU', featureWishes('+MTU,-MQ'))).toEqual({
      VIRTIO_NET_F_MQ: false,
      VIRTIO_NET_F_MTU: false,
    });
  });

  it('has what only a legacy driver can use for --transitional alone', () => {
    const wishes = featureWishes('+ANY_LAYOUT');
    expect(wishes).toEqual({ VIRTIO_F_ANY_LAYOUT: true });
    expect(() => checkModern(wishes)).toThrow('--features: only cards with --transitional can offer ANY_LAYOUT.');
    expect(() => checkModern(featureWishes('-ANY_LAYOUT,+MQ'))).not.toThrow();
  });
});

describe('what became of each feature', () => {
  const report = ({ card, pci }: Card) => negotiated({ device: card, function: pci });
  const reasons = (parts: Card): Record<string, string> =>
    Object.fromEntries(report(parts).refused.map(({ name, reason }) => [name, reason]));
  const all = featureList().map(({ bit }) => bit);

  it('is told of every feature that the card knows, once', () => {
    const { offered, accepted, refused } = report(
      runningCard({
        features: {
          VIRTIO_NET_F_MTU: false,
          VIRTIO_NET_F_HASH_REPORT: false,
          VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO: false,
          VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO: false,
        },
      }),
    );
    expect([...accepted, ...refused].map(({ bit }) => bit).sort((a, b) => a - b)).toEqual(all);
    expect(offered).toEqual(accepted);
  });

  it('is that it was not offered, or could not be', () => {
    const told = reasons(runningCard({ features: { VIRTIO_NET_F_CTRL_VQ: false } }));
    expect(told).toMatchObject({
      VIRTIO_NET_F_CTRL_VQ: 'not offered',
      VIRTIO_NET_F_MQ: 'not offered, as it needs VIRTIO_NET_F_CTRL_VQ',
      VIRTIO_F_ACCESS_PLATFORM: 'not offered',
    });
    expect(told).not.toHaveProperty('VIRTIO_F_EVENT_IDX');
  });

  it('is that the driver did not take it', () => {
    const told = reasons(runningCard({}, { features: feature.version1 | feature.controlQueue }));
    expect(told.VIRTIO_NET_F_MQ).toBe('the driver did not take it');
    expect(told).not.toHaveProperty('VIRTIO_NET_F_CTRL_VQ');
  });

  it('is that the card refused the set', () => {
    const parts = newCard();
    expect(new PciDriver(parts.machine).negotiate(feature.version1 | feature.multiqueue)).toBe(false);
    expect(report(parts).accepted).toEqual([]);
    expect(reasons(parts).VIRTIO_NET_F_MTU).toMatch(/refused .*: VIRTIO_NET_F_MQ needs VIRTIO_NET_F_CTRL_VQ$/);
  });

  it('is which of them a legacy driver did not get, and why', () => {
    const features = feature.mac | feature.multiqueue;
    const parts = runningCard({ transitional: true }, { legacy: true, features, pairs: 1 });
    expect(report(parts).accepted.map(({ name }) => name)).toEqual(['VIRTIO_NET_F_MAC']);
    expect(reasons(parts)).toMatchObject({
      VIRTIO_NET_F_MQ: 'the card refused what the driver accepted: VIRTIO_NET_F_MQ needs VIRTIO_NET_F_CTRL_VQ',
      VIRTIO_NET_F_MTU: 'the driver did not take it',
      VIRTIO_F_ANY_LAYOUT: 'the driver did not take it',
      VIRTIO_F_VERSION_1: 'offered through the modern interface only',
      VIRTIO_F_ACCESS_PLATFORM: 'not offered, as it needs VIRTIO_F_VERSION_1',
    });
  });

  it('is that a modern driver can not have what is for legacy drivers', () => {
    expect(reasons(runningCard({ transitional: true })).VIRTIO_F_ANY_LAYOUT).toBe(
      'offered through the legacy interface only',
    );
    expect(reasons(runningCard()).VIRTIO_F_ANY_LAYOUT).toBe('not offered');
  });

  it('is that nobody has negotiated', () => {
    expect(reasons(newCard()).VIRTIO_NET_F_MQ).toBe('no driver has negotiated');
  });
});
