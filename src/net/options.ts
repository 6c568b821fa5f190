import type { Features } from '../virtio/features.js';
import { offerFeatures } from '../virtio/offer.js';
import { wholeNumber } from '../virtio/wholeNumber.js';
import { duplexModes, type ConfigSettings, type Duplex } from './config.js';
import { netFeatures, type NetFeatureName } from './features.js';
import { parseMac } from './link/mac.js';

export interface NetDeviceOptions {
  /** The card's permanent address: 52:54:00:12:34:56. */
  mac: string;
  /** Queue pairs, 1 to 256; 4 when left out. */
  queuePairs?: number;
  /** Entries of each queue, a power of two from 4 to 32768; 256 when left out. */
  queueSize?: number;
  /** What the card tells the driver of VIRTIO_NET_F_MTU, 68 to 65535 bytes; 1500 when left out. */
  mtu?: number;
  /** Speed of the link that the driver of VIRTIO_NET_F_SPEED_DUPLEX is told, 0 to 0x7fffffff Mbit/s; 10000 when left out. */
  speed?: number | 'unknown';
  /** Whether the same driver is told that both ends may send at once, which they may in any case; 'full' when left out. */
  duplex?: Duplex;
  /** Have a legacy interface too, for drivers from before virtio 1.0 (virtio 1.3.1); not so when left out. */
  transitional?: boolean;
  /** Features to leave out (false) or to offer (true); the others are offered as `netFeatures` says. */
  features?: Partial<Record<NetFeatureName, boolean>>;
  /** How long a frame may wait while nothing that waits gets through, in milliseconds; 5000 when left out. */
  deadline?: number;
  /** For people, in counters and events; 'virtio-net' when left out. */
  name?: string;
}

export interface NetSettings extends ConfigSettings {
  readonly mac: Uint8Array;
  readonly queueSize: number;
  readonly transitional: boolean;
  readonly features: Features;
  readonly deadline: number;
  readonly name: string;
}

const limits = {
  queuePairs: { least: 1, most: 256, default: 4 },
  queueSize: { least: 4, most: 32768, default: 256 },
  mtu: { least: 68, most: 65535, default: 1500 },
  speed: { least: 0, most: 0x7fffffff, default: 10000 },
  deadline: { least: 0, most: 3600000, default: 5000 },
} as const;

/** The options with what was left out. @throws RangeError for one out of its range */
export function netOptions(options: NetDeviceOptions): NetSettings {
  const number = (name: keyof typeof limits): number =>
    wholeNumber(name, options[name] ?? limits[name].default, limits[name], (text) => new RangeError(text));
  const queueSize = number('queueSize');
  if ((queueSize & (queueSize - 1)) !== 0) {
    throw new RangeError(`queueSize is ${queueSize}; it must be a power of two`);
  }
  const { speed, duplex = 'full', transitional = false } = options;
  if (!duplexModes.includes(duplex)) {
    throw new RangeError(`duplex is '${duplex}'; it must be one of ${duplexModes.join(', ')}`);
  }
  return {
    mac: parseMac(options.mac),
    queuePairs: number('queuePairs'),
    queueSize,
    mtu: number('mtu'),
    speed: speed === 'unknown' ? speed : number('speed'),
    duplex,
    transitional,
    features: offerFeatures(netFeatures, options.features, { transitional }),
    deadline: number('deadline'),
    name: options.name ?? 'virtio-net',
  };
}
