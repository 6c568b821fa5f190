import { describe, expect, it } from 'vitest';
import type { AccessWidth } from '../../src/virtio/registers.js';
import type { NetDeviceOptions } from '../../src/net/index.js';
import { runningCard } from '../support/netDriver.js';

/** struct virtio_net_config (5.1.4), as far as this card has it. */
const bytes = [0x52, 0x54, 0, 0x12, 0x34, 0x56, 1, 0, 3, 0, 0x28, 0x23, 0x10, 0x27, 0, 0, 1];

describe('the device configuration', () => {
  const { driver, machine } = runningCard({ queuePairs: 3, mtu: 9000, speed: 10000 });
  const { pci } = driver;

  it('has address, status, number of pairs, MTU, speed and duplex mode', () => {
    expect(Array.from({ length: bytes.length }, (_, i) => pci.readDevice(i, 1))).toEqual(bytes);
    expect(pci.readDevice(6, 2)).toBe(1);
    expect(pci.readDevice(8, 2)).toBe(3);
    expect(pci.readDevice(10, 2)).toBe(9000);
    expect(pci.readDevice(12, 4)).toBe(10000);
    expect(pci.readDevice(16, 1)).toBe(1);
  });

  it('reads the same in any width and at any offset, and zero behind its end', () => {
    const padded = [...bytes, 0, 0, 0, 0];
    for (const width of [1, 2, 4] as AccessWidth[]) {
      for (let offset = 0; offset < bytes.length; offset++) {
        const expected = padded.slice(offset, offset + width).reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
        expect(pci.readDevice(offset, width)).toBe(expected);
      }
    }
    expect(pci.readDevice(20, 4)).toBe(0);
  });

  it('is read-only', () => {
    for (let offset = 0; offset < bytes.length; offset += 4) machine.write(pci.at(4, offset), 4, 0xffffffff);
    expect(Array.from({ length: bytes.length }, (_, i) => pci.readDevice(i, 1))).toEqual(bytes);
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
