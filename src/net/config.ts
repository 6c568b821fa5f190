import { hasFeature, type Features } from '../virtio/features.js';
import { RegisterBlock, type AccessWidth } from '../virtio/registers.js';
import { announceFeatures, VIRTIO_NET_F_HASH_REPORT, VIRTIO_NET_F_HASH_TUNNEL, VIRTIO_NET_F_RSS } from './features.js';
import { longestKey } from './hash/toeplitz.js';
import { supportedHashTypes, supportedTunnelTypes } from './hash/types.js';
import { macBytes } from './link/mac.js';
import { longestTable } from './rss.js';

/** Bits of the status field (virtio 5.1.4). */
const status = { linkUp: 1, announce: 2 } as const;

/** The least value that stands for an unknown speed, and one of those that stand for an unknown duplex mode. */
const unknown = { speed: 0xffffffff, duplex: 0xff } as const;

/**
 * Values of the duplex field (virtio 5.1.4). The device's requirements in 5.1.4.1 have half and full the other way round;
 * drivers read them as the description of the field has them.
 */
const duplexValues = { half: 0, full: 1, unknown: unknown.duplex } as const;
export type Duplex = keyof typeof duplexValues;
export const duplexModes = Object.keys(duplexValues) as Duplex[];

/** What of the configuration never changes. */
export interface ConfigSettings {
  readonly queuePairs: number;
  readonly mtu: number;
  /** In Mbit/s. */
  readonly speed: number | 'unknown';
  readonly duplex: Duplex;
  /** What is offered. */
  readonly features: Features;
}

export interface NetConfigState {
  mac: number[];
  linkUp: boolean;
  announce: boolean;
}

/** The device configuration (virtio 5.1.4, struct virtio_net_config), as far as the offered features make it exist. */
export class NetConfig {
  readonly block: RegisterBlock;
  readonly mac = new Uint8Array(macBytes);
  linkUp = true;
  /** The driver is asked to tell the network where the guest is (virtio 5.1.6.5.4). */
  announce = false;

  constructor({ queuePairs, mtu, speed, duplex, features }: ConfigSettings) {
    const ifOffered = (feature: Features, value: number): number => (hasFeature(features, feature) ? value : 0);
    const anyHash = VIRTIO_NET_F_RSS | VIRTIO_NET_F_HASH_REPORT;
    this.block = new RegisterBlock(28, [
      ...Array.from(this.mac, (_, index) => ({
        name: `mac.${index}`,
        offset: index,
        width: 1 as const,
        read: () => this.mac[index],
      })),
      { name: 'status', offset: 6, width: 2, read: () => this.status },
      { name: 'maxVirtqueuePairs', offset: 8, width: 2, reset: queuePairs },
      { name: 'mtu', offset: 10, width: 2, reset: mtu },
      { name: 'speed', offset: 12, width: 4, reset: speed === 'unknown' ? unknown.speed : speed },
      { name: 'duplex', offset: 16, width: 1, reset: duplexValues[duplex] },
      { name: 'rssMaxKeySize', offset: 17, width: 1, reset: ifOffered(anyHash, longestKey) },
      {
        name: 'rssMaxIndirectionTableLength',
        offset: 18,
        width: 2,
        reset: ifOffered(VIRTIO_NET_F_RSS, longestTable),
      },
      { name: 'supportedHashTypes', offset: 20, width: 4, reset: ifOffered(anyHash, supportedHashTypes) },
      {
        name: 'supportedTunnelTypes',
        offset: 24,
        width: 4,
        reset: ifOffered(VIRTIO_NET_F_HASH_TUNNEL, supportedTunnelTypes),
      },
    ]);
  }

  /** Answers whether a driver with these features can be asked. */
  askToAnnounce(features: Features): boolean {
    this.announce = (features & announceFeatures) === announceFeatures;
    return this.announce;
  }

  /** Writes what a legacy driver may write: the address (5.1.4.3). */
  writeMac(offset: number, width: AccessWidth, value: number): void {
    for (let i = 0; i < width && offset + i < macBytes; i++) this.mac[offset + i] = value >>> (8 * i);
  }

  save(): NetConfigState {
    return { mac: Array.from(this.mac), linkUp: this.linkUp, announce: this.announce };
  }

  restore(state: NetConfigState): void {
    this.mac.set(state.mac);
    this.linkUp = state.linkUp;
    this.announce = state.announce;
  }

  private get status(): number {
    return (this.linkUp ? status.linkUp : 0) | (this.announce ? status.announce : 0);
  }
}
