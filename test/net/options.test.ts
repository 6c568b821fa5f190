import { describe, expect, it } from 'vitest';
import { NetDevice, netFeatures, parseMac, formatMac, type NetDeviceOptions } from '../../src/net/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { featureNames, type Feature } from '../../src/virtio/features.js';
import { feature } from '../support/netDriver.js';

const card = (options: Partial<NetDeviceOptions> = {}): NetDevice =>
  new NetDevice(new ManualClock(), { mac: '52:54:00:12:34:56', ...options });

describe('the options of a card', () => {
  it('have ordinary values when left out', () => {
    const { maxQueuePairs, queueSizes, name, mac, lanes, linkUp } = card();
    expect({ maxQueuePairs, name, mac, lanes, linkUp }).toEqual({
      maxQueuePairs: 4,
      name: 'virtio-net',
      mac: '52:54:00:12:34:56',
      lanes: 1,
      linkUp: true,
    });
    expect(queueSizes).toEqual(new Array(9).fill(256));
  });

  const wrong: [options: Partial<NetDeviceOptions>, message: string][] = [
    [{ queuePairs: 0 }, 'queuePairs is 0; it must be a whole number from 1 to 256'],
    [{ queuePairs: 257 }, 'queuePairs is 257; it must be a whole number from 1 to 256'],
    [{ queuePairs: 1.5 }, 'queuePairs is 1.5; it must be a whole number from 1 to 256'],
    [{ queueSize: 100 }, 'queueSize is 100; it must be a power of two'],
    [{ queueSize: 65536 }, 'queueSize is 65536; it must be a whole number from 4 to 32768'],
    [{ mtu: 67 }, 'mtu is 67; it must be a whole number from 68 to 65535'],
    [{ mtu: 65536 }, 'mtu is 65536; it must be a whole number from 68 to 65535'],
    [{ speed: -1 }, 'speed is -1; it must be a whole number from 0 to 2147483647'],
    [{ speed: 0x80000000 }, 'speed is 2147483648; it must be a whole number from 0 to 2147483647'],
    [{ speed: 'fast' as 'unknown' }, 'speed is fast; it must be a whole number from 0 to 2147483647'],
    [{ duplex: 'simplex' as 'half' }, "duplex is 'simplex'; it must be one of half, full, unknown"],
    [{ deadline: -1 }, 'deadline is -1; it must be a whole number from 0 to 3600000'],
    [{ mac: '52:54:00:12:34' }, "'52:54:00:12:34' is no MAC address; one looks like 52:54:00:12:34:56"],
    [{ mac: '53:54:00:12:34:56' }, 'the MAC address 53:54:00:12:34:56 is a multicast one; its first byte must be even'],
  ];
  for (const [options, message] of wrong) {
    it(`are refused in words: ${message}`, () => {
      expect(() => card(options)).toThrow(new RangeError(message));
    });
  }

  it('leave features out', () => {
    const all = card().offeredFeatures;
    expect(featureNames(all, netFeatures)).toEqual(
      [...(netFeatures as readonly Feature[])]
        .filter(({ offeredByDefault }) => offeredByDefault !== false)
        .sort((a, b) => a.bit - b.bit)
        .map(({ name }) => name),
    );
    const fewer = card({ features: { VIRTIO_NET_F_MTU: false, VIRTIO_F_EVENT_IDX: false } });
    expect(fewer.offeredFeatures).toBe(all & ~feature.mtu & ~feature.eventIndex);
  });

  it('offer what is not offered by default', () => {
    const [accessPlatform, standby] = [1n << 33n, 1n << 62n];
    const { offeredFeatures } = card({ features: { VIRTIO_F_ACCESS_PLATFORM: true, VIRTIO_NET_F_STANDBY: true } });
    expect(offeredFeatures).toBe(card().offeredFeatures | accessPlatform | standby);
  });

  it('offer to a legacy driver what only a transitional card can (6.3)', () => {
    const [gso, notifyOnEmpty, anyLayout] = [1n << 6n, 1n << 24n, 1n << 27n];
    expect(card({ transitional: true }).offeredFeatures).toBe(card().offeredFeatures | gso | notifyOnEmpty | anyLayout);
    const without = card({ transitional: true, features: { VIRTIO_F_ANY_LAYOUT: false } });
    expect(without.offeredFeatures).toBe(card().offeredFeatures | gso | notifyOnEmpty);
    expect(() => card({ features: { VIRTIO_F_ANY_LAYOUT: true } })).toThrow(
      new RangeError('VIRTIO_F_ANY_LAYOUT needs a transitional device'),
    );
  });

  it('can not leave out what another offered feature requires (2.2.2)', () => {
    const { offeredFeatures } = card({ features: { VIRTIO_NET_F_CTRL_VQ: false } });
    const { multiqueue, controlMac, receiveModes, extraReceiveModes, vlans, announce, rss, hashTunnel } = feature;
    const some = multiqueue | controlMac | receiveModes | extraReceiveModes | vlans | announce | rss | hashTunnel;
    expect(offeredFeatures & some).toBe(0n);
  });
});

describe('the features of a card', () => {
  it('have the bits of the specification (5.1.3)', () => {
    expect(Object.fromEntries(netFeatures.map(({ name, bit }) => [name, bit]))).toEqual({
      VIRTIO_NET_F_CSUM: 0,
      VIRTIO_NET_F_GUEST_CSUM: 1,
      VIRTIO_NET_F_CTRL_GUEST_OFFLOADS: 2,
      VIRTIO_NET_F_MTU: 3,
      VIRTIO_NET_F_MAC: 5,
      VIRTIO_NET_F_GSO: 6,
      VIRTIO_NET_F_GUEST_TSO4: 7,
      VIRTIO_NET_F_GUEST_TSO6: 8,
      VIRTIO_NET_F_GUEST_ECN: 9,
      VIRTIO_NET_F_GUEST_UFO: 10,
      VIRTIO_NET_F_HOST_TSO4: 11,
      VIRTIO_NET_F_HOST_TSO6: 12,
      VIRTIO_NET_F_HOST_ECN: 13,
      VIRTIO_NET_F_HOST_UFO: 14,
      VIRTIO_NET_F_MRG_RXBUF: 15,
      VIRTIO_NET_F_STATUS: 16,
      VIRTIO_NET_F_CTRL_VQ: 17,
      VIRTIO_NET_F_CTRL_RX: 18,
      VIRTIO_NET_F_CTRL_VLAN: 19,
      VIRTIO_NET_F_CTRL_RX_EXTRA: 20,
      VIRTIO_NET_F_GUEST_ANNOUNCE: 21,
      VIRTIO_NET_F_MQ: 22,
      VIRTIO_NET_F_CTRL_MAC_ADDR: 23,
      VIRTIO_NET_F_DEVICE_STATS: 50,
      VIRTIO_NET_F_HASH_TUNNEL: 51,
      VIRTIO_NET_F_VQ_NOTF_COAL: 52,
      VIRTIO_NET_F_NOTF_COAL: 53,
      VIRTIO_NET_F_GUEST_USO4: 54,
      VIRTIO_NET_F_GUEST_USO6: 55,
      VIRTIO_NET_F_HOST_USO: 56,
      VIRTIO_NET_F_HASH_REPORT: 57,
      VIRTIO_NET_F_GUEST_HDRLEN: 59,
      VIRTIO_NET_F_RSS: 60,
      VIRTIO_NET_F_RSC_EXT: 61,
      VIRTIO_NET_F_STANDBY: 62,
      VIRTIO_NET_F_SPEED_DUPLEX: 63,
      VIRTIO_F_NOTIFY_ON_EMPTY: 24,
      VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO: 65,
      VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM: 66,
      VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO: 67,
      VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM: 68,
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

describe('a MAC address', () => {
  it('is read and written as six bytes, in either case of letters', () => {
    expect([...parseMac('0A:bc:00:FF:1e:09')]).toEqual([10, 188, 0, 255, 30, 9]);
    expect(formatMac([10, 188, 0, 255, 30, 9])).toBe('0a:bc:00:ff:1e:09');
  });

  it.each(['', '1:2:3:4:5:6', '00:00:00:00:00:0g', '000000000000', ' 00:00:00:00:00:00', '00:00:00:00:00:00:00'])(
    "is not '%s'",
    (text) => expect(() => parseMac(text)).toThrow(RangeError),
  );
});
