import { describe, expect, it } from 'vitest';
import { featureNames, featureSet, refuseFeatures, ringFeatures, type Feature } from '../../src/virtio/features.js';

const table: readonly Feature[] = [
  { name: 'PLAIN', bit: 0, dependsOn: [], spec: '' },
  { name: 'BASE', bit: 1, dependsOn: [], spec: '' },
  { name: 'NEEDS_BASE', bit: 2, dependsOn: [['BASE']], spec: '' },
  { name: 'OTHER', bit: 3, dependsOn: [], spec: '' },
  { name: 'NEEDS_ONE', bit: 4, dependsOn: [['BASE', 'OTHER']], spec: '' },
  { name: 'HIGH', bit: 100, dependsOn: [['NEEDS_BASE'], ['OTHER']], spec: '' },
];
const offered = featureSet(
  table.map(({ name }) => name),
  table,
);

describe('sets of features', () => {
  it('have names in the order of their bits, also for bits that are not known', () => {
    expect(featureNames((1n << 100n) | 0b100001n, table)).toEqual(['PLAIN', 'bit 5', 'HIGH']);
    expect(featureNames(0n, table)).toEqual([]);
  });

  it('are made of names', () => {
    expect(featureSet(['HIGH', 'PLAIN'], table)).toBe((1n << 100n) | 1n);
    expect(() => featureSet(['NONE'], table)).toThrow('no feature is called NONE');
  });

  it('of rings have the bits of the specification (chapter 6)', () => {
    expect(Object.fromEntries(ringFeatures.map(({ name, bit }) => [name, bit]))).toEqual({
      VIRTIO_F_NOTIFY_ON_EMPTY: 24,
      VIRTIO_F_ANY_LAYOUT: 27,
      VIRTIO_F_INDIRECT_DESC: 28,
      VIRTIO_F_EVENT_IDX: 29,
      VIRTIO_F_VERSION_1: 32,
      VIRTIO_F_ACCESS_PLATFORM: 33,
      VIRTIO_F_RING_PACKED: 34,
      VIRTIO_F_IN_ORDER: 35,
      VIRTIO_F_ORDER_PLATFORM: 36,
      VIRTIO_F_NOTIFICATION_DATA: 38,
      VIRTIO_F_NOTIF_CONFIG_DATA: 39,
      VIRTIO_F_RING_RESET: 40,
      VIRTIO_F_SUSPEND: 43,
    });
  });
});

describe('a device refuses features (2.2.2)', () => {
  const refusal = (...names: string[]) => refuseFeatures(featureSet(names, table), offered, table);

  it('that it does not offer, known or not', () => {
    expect(refuseFeatures(1n, offered & ~1n, table)).toEqual({
      rule: 'feature-not-offered',
      features: 1n,
      reason: 'PLAIN was not offered',
    });
    expect(refuseFeatures(1n << 77n, offered, table)?.reason).toBe('bit 77 was not offered');
  });

  it('without what they require', () => {
    expect(refusal('NEEDS_BASE')).toEqual({
      rule: 'feature-dependency',
      features: 4n,
      reason: 'NEEDS_BASE needs BASE',
    });
    expect(refusal('NEEDS_ONE')?.reason).toBe('NEEDS_ONE needs BASE or OTHER');
    expect(refusal('HIGH', 'NEEDS_BASE', 'BASE')?.reason).toBe('HIGH needs OTHER');
  });

  it('but takes any other subset', () => {
    expect(refusal()).toBeUndefined();
    expect(refusal('NEEDS_BASE', 'BASE')).toBeUndefined();
    expect(refusal('NEEDS_ONE', 'OTHER')).toBeUndefined();
    expect(refusal(...table.map(({ name }) => name))).toBeUndefined();
  });
});
