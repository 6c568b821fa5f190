import { describe, expect, it } from 'vitest';
import { Subnet } from '../../../src/fabric/gateway/address.js';
import { Leases, type LeasesOptions } from '../../../src/fabric/gateway/dhcp/leases.js';
import { ManualClock } from '../../../src/virtio/clock.js';

const mac = '02:00:00:00:00:09';
const broadcast = 0x0affffff;
/** Those of so many addresses, from the highest down. */
const highest = (count: number, below = broadcast): number[] => Array.from({ length: count }, (_, i) => below - 1 - i);

function newLeases(options: Partial<LeasesOptions>): Leases {
  return new Leases({
    ...{ clock: new ManualClock(), subnet: new Subnet('10.0.0.254/8'), most: 1, reserved: new Set(), fixed: new Map() },
    ...{ taken: () => false, mostTaken: 0, named: () => undefined },
    ...options,
  });
}

describe('leases', () => {
  it('find the free address below all that can be in use, however many these are', () => {
    const reserved = new Set(highest(5000));
    const neighbours = new Set(highest(1000, broadcast - 5000));
    const subnet = new Subnet(`10.255.${(0xffff - 6001) >>> 8}.${(0xffff - 6001) & 255}/8`);
    const options = { most: 3, reserved, subnet, mostTaken: neighbours.size };
    const leases = newLeases({ ...options, taken: (address) => neighbours.has(address) });
    const given = ['a', 'b', 'c', 'd'].map((client) => leases.offer(client, mac)?.address);
    expect(given).toEqual([...highest(3, broadcast - 6001), undefined]);
  });

  it('give as many addresses as they may where there are so many', () => {
    const leases = newLeases({ most: 4500 });
    // Offers that nobody takes stand for a while, too.
    const given = highest(4500).map((_, i) => leases.offer(`client ${i}`, mac)?.address);
    expect(given).toEqual(highest(4500));
    expect(leases.offer('one more', mac)).toBeUndefined();
  });

  it('look at all addresses of a small network, and at no others', () => {
    const leases = newLeases({ most: 10, subnet: new Subnet('10.0.0.1/29') });
    const given = Array.from({ length: 6 }, (_, i) => leases.offer(`client ${i}`, mac)?.address);
    expect(given).toEqual([...highest(5, 0x0a000007), undefined]);
  });
});
