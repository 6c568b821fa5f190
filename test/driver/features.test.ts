import { describe, expect, it } from 'vitest';

import { dependencies, everythingBut, featureBits, features, has, knownFeatures } from '../../src/driver/index.js';

describe('what the driver accepts', () => {
  it('is nothing that was not offered', () => {
    expect(everythingBut()(0n)).toBe(0n);
    const offered = features('VIRTIO_F_VERSION_1', 'VIRTIO_NET_F_MAC');
    expect(everythingBut()(offered)).toBe(offered);
  });

  it('is nothing that lacks what it needs', () => {
    const offered = features('VIRTIO_NET_F_GUEST_ECN', 'VIRTIO_NET_F_GUEST_TSO4', 'VIRTIO_NET_F_GUEST_CSUM');
    expect(everythingBut()(offered)).toBe(offered);
    expect(everythingBut('VIRTIO_NET_F_GUEST_TSO4')(offered)).toBe(features('VIRTIO_NET_F_GUEST_CSUM'));
    expect(everythingBut('VIRTIO_NET_F_GUEST_CSUM')(offered)).toBe(0n);
  });

  it('satisfies every dependency even when all is offered', () => {
    const accepted = everythingBut('VIRTIO_NET_F_CTRL_VQ', 'VIRTIO_NET_F_CSUM')((1n << 64n) - 1n);
    for (const [name, ...oneOf] of dependencies) {
      if (has(accepted, name)) expect(oneOf.some((other) => has(accepted, other))).toBe(true);
    }
    expect(has(accepted, 'VIRTIO_NET_F_MQ')).toBe(false);
    expect(accepted & ~knownFeatures).toBe(0n);
  });

  it('has a bit of its own for each name', () => {
    expect(new Set(Object.values(featureBits)).size).toBe(Object.keys(featureBits).length);
  });
});
