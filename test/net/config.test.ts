import { describe, expect, it } from 'vitest';
import type { NetDeviceOptions } from '../../src/net/index.js';
import type { AccessWidth } from '../../src/virtio/registers.js';
import { feature, runningCard } from '../support/netDriver.js';

/** struct virtio_net_config (5.1.4); its last words say what RSS can do. */
const bytes = [
  ...[0x52, 0x54, 0, 0x12, 0x34, 0x56, 1, 0, 3, 0, 0x28, 0x23],
  ...[0x10, 0x27, 0, 0, 1, 40, 128, 0, 0xff, 1, 0, 0, 0xff, 1, 0, 0],
];
const { length } = bytes;

describe('the device configuration', () => {
  const { driver, machine } = runningCard({ queuePairs: 3, mtu: 9000, speed: 10000 });
  const { pci } = driver;

  it('has address, status, number of pairs, MTU, speed and duplex mode, and what RSS can do', () => {
    expect(Array.from({ length }, (_, i) => pci.readDevice(i, 1))).toEqual(bytes);
    expect(pci.readDevice(6, 2)).toBe(1);
    expect(pci.readDevice(8, 2)).toBe(3);
    expect(pci.readDevice(10, 2)).toBe(9000);
    expect(pci.readDevice(12, 4)).toBe(10000);
    expect(pci.readDevice(16, 1)).toBe(1);
  });

  it('reads the same in any width and at any offset, and zero behind its end', () => {
    const padded = [...bytes, 0, 0, 0, 0];
    for (const width of [1, 2, 4] as AccessWidth[]) {
      for (let offset = 0; offset < length; offset++) {
        const expected = padded.slice(offset, offset + width).reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
        expect(pci.readDevice(offset, width)).toBe(expected);
      }
    }
    expect(pci.readDevice(length, 4)).toBe(0);
  });

  it('is read-only', () => {
    for (let offset = 0; offset < length; offset += 4) machine.write(pci.at(4, offset), 4, 0xffffffff);
    expect(Array.from({ length }, (_, i) => pci.readDevice(i, 1))).toEqual(bytes);
  });

  it('says nothing of what is not offered', () => {
    const words = (features: NetDeviceOptions['features']): number[] => {
      const { pci } = runningCard({ features }, { features: feature.version1 }).driver;
      return [pci.readDevice(17, 1), pci.readDevice(18, 2), pci.readDevice(20, 4), pci.readDevice(24, 4)];
    };
    expect(words({})).toEqual([40, 128, 0x1ff, 0x1ff]);
    expect(words({ VIRTIO_NET_F_HASH_TUNNEL: false })).toEqual([40, 128, 0x1ff, 0]);
    expect(words({ VIRTIO_NET_F_RSS: false })).toEqual([40, 0, 0x1ff, 0x1ff]);
    expect(words({ VIRTIO_NET_F_RSS: false, VIRTIO_NET_F_HASH_REPORT: false })).toEqual([0, 0, 0, 0]);
  });

  it('can be read before any feature is accepted (2.5.2)', () => {
    pci.reset();
    expect(pci.readDevice(8, 4)).toBe(0x23280003);
  });
});

describe('speed and duplex mode', () => {
  const cases: [options: NetDeviceOptions['speed'], duplex: NetDeviceOptions['duplex'], fields: number[]][] = [
    [undefined, undefined, [10000, 1]],
    [100, 'half', [100, 0]],
    [0x7fffffff, 'full', [0x7fffffff, 1]],
    [0, 'unknown', [0, 0xff]],
    ['unknown', 'unknown', [0xffffffff, 0xff]],
  ];
  it.each(cases)('are as they are asked for: %s, %s', (speed, duplex, fields) => {
    const { driver } = runningCard({ speed, duplex });
    expect([driver.pci.readDevice(12, 4), driver.pci.readDevice(16, 1)]).toEqual(fields);
  });
});
