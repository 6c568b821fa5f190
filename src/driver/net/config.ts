import { has } from '../features.js';
import type { Width } from '../machine.js';
import { consistently, type Transport } from '../transport.js';

/** struct virtio_net_config (virtio 5.1.4): where each field is, and its width. `mac` is six bytes. */
export const netConfigField = {
  mac: { offset: 0, width: 1 },
  status: { offset: 6, width: 2 },
  maxVirtqueuePairs: { offset: 8, width: 2 },
  mtu: { offset: 10, width: 2 },
  speed: { offset: 12, width: 4 },
  duplex: { offset: 16, width: 1 },
  rssMaxKeySize: { offset: 17, width: 1 },
  rssMaxIndirectionTableLength: { offset: 18, width: 2 },
  supportedHashTypes: { offset: 20, width: 4 },
  supportedTunnelTypes: { offset: 24, width: 4 },
} as const satisfies Readonly<Record<string, { offset: number; width: Width }>>;

/** Bits of `status`. */
export const netStatus = { linkUp: 1, announce: 2 } as const;

/** The fields that the features give a meaning; the others are undefined. */
export interface NetConfig {
  readonly mac: Uint8Array | undefined;
  readonly status: number | undefined;
  readonly maxVirtqueuePairs: number | undefined;
  readonly mtu: number | undefined;
  readonly speed: number | undefined;
  readonly duplex: number | undefined;
  readonly rssMaxKeySize: number | undefined;
  readonly rssMaxIndirectionTableLength: number | undefined;
  readonly supportedHashTypes: number | undefined;
}

export function readNetConfig(transport: Transport, features: bigint): Promise<NetConfig> {
  const rss = has(features, 'VIRTIO_NET_F_RSS');
  const hashes = rss || has(features, 'VIRTIO_NET_F_HASH_REPORT');
  const speeds = has(features, 'VIRTIO_NET_F_SPEED_DUPLEX');
  const field = (name: keyof typeof netConfigField, present: boolean): Promise<number | undefined> => {
    const { offset, width } = netConfigField[name];
    return present ? transport.readConfig(offset, width) : Promise.resolve(undefined);
  };
  return consistently(transport, async () => ({
    mac: has(features, 'VIRTIO_NET_F_MAC') ? await readMac(transport) : undefined,
    status: await field('status', has(features, 'VIRTIO_NET_F_STATUS')),
    maxVirtqueuePairs: await field('maxVirtqueuePairs', rss || has(features, 'VIRTIO_NET_F_MQ')),
    mtu: await field('mtu', has(features, 'VIRTIO_NET_F_MTU')),
    speed: await field('speed', speeds),
    duplex: await field('duplex', speeds),
    rssMaxKeySize: await field('rssMaxKeySize', hashes),
    rssMaxIndirectionTableLength: await field('rssMaxIndirectionTableLength', rss),
    supportedHashTypes: await field('supportedHashTypes', hashes),
  }));
}

async function readMac(transport: Transport): Promise<Uint8Array> {
  const mac = new Uint8Array(6);
  for (let i = 0; i < mac.length; i++) mac[i] = await transport.readConfig(netConfigField.mac.offset + i, 1);
  return mac;
}
