import type { FeatureName } from '../../driver/index.js';
import { netFeatures, type NetDeviceOptions, type NetFeatureName } from '../../net/index.js';
import { inProcess } from '../targets/inProcess.js';
import { qemu } from '../targets/qemu.node.js';
import { checkTapNetwork, qemuTap } from '../targets/qemuTap.node.js';
import { queueWorkers } from '../targets/queueThreads.node.js';
import { v86Own } from '../targets/v86.node.js';
import type { CardWish } from './case.js';
import type { Subject } from './run.js';

/** Our card, without an emulator. */
const ours: Subject = {
  name: 'virtio-mq',
  patience: 300,
  choices: netFeatures.map(({ name }) => name),
  make: (wish) => Promise.resolve(inProcess(optionsFor(wish))),
};

/** The same, with its pairs served by two workers. */
const withWorkers: Subject = {
  ...ours,
  name: 'virtio-mq-workers',
  patience: 1000,
  make: (wish) => Promise.resolve(queueWorkers(2, optionsFor(wish))),
};

function optionsFor({ pairs, transitional, offer }: CardWish): Partial<NetDeviceOptions> {
  const features = offer as Partial<Record<NetFeatureName, boolean>>;
  return { ...(pairs !== undefined && { queuePairs: pairs }), transitional: transitional ?? false, features };
}

/** v86's own card, which is as it is. */
const v86: Subject = { name: 'v86', patience: 1000, choices: [], make: () => v86Own() };

/** What QEMU's card offers only when it is asked to. */
const qemuProperties = { packed: true, rss: true, hash: true, host_mtu: 1500, speed: 10000, duplex: 'full' };

/** The properties of QEMU's card that are features. QEMU refuses those that its version does not know. */
const qemuFeatures: Readonly<Partial<Record<FeatureName, string>>> = {
  VIRTIO_F_NOTIFY_ON_EMPTY: 'notify_on_empty',
  VIRTIO_F_ANY_LAYOUT: 'any_layout',
  VIRTIO_F_INDIRECT_DESC: 'indirect_desc',
  VIRTIO_F_EVENT_IDX: 'event_idx',
  VIRTIO_F_ACCESS_PLATFORM: 'iommu_platform',
  VIRTIO_F_RING_PACKED: 'packed',
  VIRTIO_F_RING_RESET: 'queue_reset',
  VIRTIO_NET_F_CSUM: 'csum',
  VIRTIO_NET_F_GUEST_CSUM: 'guest_csum',
  VIRTIO_NET_F_CTRL_GUEST_OFFLOADS: 'ctrl_guest_offloads',
  VIRTIO_NET_F_GSO: 'gso',
  VIRTIO_NET_F_GUEST_TSO4: 'guest_tso4',
  VIRTIO_NET_F_GUEST_TSO6: 'guest_tso6',
  VIRTIO_NET_F_GUEST_ECN: 'guest_ecn',
  VIRTIO_NET_F_GUEST_UFO: 'guest_ufo',
  VIRTIO_NET_F_HOST_TSO4: 'host_tso4',
  VIRTIO_NET_F_HOST_TSO6: 'host_tso6',
  VIRTIO_NET_F_HOST_ECN: 'host_ecn',
  VIRTIO_NET_F_HOST_UFO: 'host_ufo',
  VIRTIO_NET_F_MRG_RXBUF: 'mrg_rxbuf',
  VIRTIO_NET_F_STATUS: 'status',
  VIRTIO_NET_F_CTRL_VQ: 'ctrl_vq',
  VIRTIO_NET_F_CTRL_RX: 'ctrl_rx',
  VIRTIO_NET_F_CTRL_VLAN: 'ctrl_vlan',
  VIRTIO_NET_F_CTRL_RX_EXTRA: 'ctrl_rx_extra',
  VIRTIO_NET_F_GUEST_ANNOUNCE: 'guest_announce',
  VIRTIO_NET_F_MQ: 'mq',
  VIRTIO_NET_F_CTRL_MAC_ADDR: 'ctrl_mac_addr',
  VIRTIO_NET_F_HASH_REPORT: 'hash',
  VIRTIO_NET_F_RSS: 'rss',
  VIRTIO_NET_F_RSC_EXT: 'guest_rsc_ext',
};

/** QEMU's card: on a multiqueue tap where one can be made, else one pair on a socket. */
const qemuCard: Subject = {
  name: 'qemu',
  patience: 4000,
  parallel: 3,
  choices: Object.keys(qemuFeatures) as FeatureName[],
  make: async (wish) => {
    const properties = { ...qemuProperties, ...asProperties(wish) };
    const pairs = wish.pairs ?? 4;
    return pairs > 1 && (await hasTaps()) ? qemuTap({ pairs, properties }) : qemu({ properties });
  },
};

function asProperties({ offer = {}, transitional }: CardWish): Record<string, boolean | number> {
  const named = Object.entries(offer).flatMap(([feature, on]) => {
    const property = qemuFeatures[feature as FeatureName];
    return property === undefined ? [] : [[property, on] as const];
  });
  return { ...Object.fromEntries(named), ...(transitional !== undefined && { 'disable-legacy': !transitional }) };
}

let taps: Promise<boolean> | undefined;

function hasTaps(): Promise<boolean> {
  taps ??= checkTapNetwork().then(
    () => true,
    () => false,
  );
  return taps;
}

/** What `vmq conform` can be pointed at. */
export const subjects: Readonly<Record<string, Subject>> = {
  'virtio-mq': ours,
  'virtio-mq-workers': withWorkers,
  qemu: qemuCard,
  v86,
};
