import type { FeatureName } from '../../driver/index.js';
import type { NetFeatureName } from '../../net/index.js';
import { inProcess } from '../targets/inProcess.js';
import { qemu } from '../targets/qemu.node.js';
import { checkTapNetwork, qemuTap } from '../targets/qemuTap.node.js';
import { v86Own } from '../targets/v86.node.js';
import type { CardWish } from './case.js';
import type { Subject } from './run.js';

/** Our card, without an emulator. */
const ours: Subject = {
  name: 'virtio-mq',
  patience: 300,
  make: ({ pairs, transitional, offer }) => {
    const options = { ...(pairs !== undefined && { queuePairs: pairs }), transitional: transitional ?? false };
    return Promise.resolve(inProcess({ ...options, features: offer as Partial<Record<NetFeatureName, boolean>> }));
  },
};

/** v86's own card, which is as it is. */
const v86: Subject = { name: 'v86', patience: 1000, make: () => v86Own() };

/** What QEMU's card offers only when it is asked to. */
const qemuProperties = { packed: true, rss: true, hash: true };

/** The properties of QEMU's card that are features. QEMU refuses those that its version does not know. */
const qemuFeatures: Readonly<Partial<Record<FeatureName, string>>> = {
  VIRTIO_F_RING_PACKED: 'packed',
  VIRTIO_F_EVENT_IDX: 'event_idx',
  VIRTIO_F_INDIRECT_DESC: 'indirect_desc',
  VIRTIO_NET_F_MRG_RXBUF: 'mrg_rxbuf',
  VIRTIO_NET_F_CTRL_VQ: 'ctrl_vq',
  VIRTIO_NET_F_CSUM: 'csum',
  VIRTIO_NET_F_GUEST_CSUM: 'guest_csum',
  VIRTIO_NET_F_RSS: 'rss',
  VIRTIO_NET_F_HASH_REPORT: 'hash',
};

/** QEMU's card: on a multiqueue tap where one can be made, else one pair on a socket. */
const qemuCard: Subject = {
  name: 'qemu',
  patience: 4000,
  make: async (wish) => {
    const properties = { ...qemuProperties, ...asProperties(wish) };
    const pairs = wish.pairs ?? 4;
    return pairs > 1 && (await hasTaps()) ? qemuTap({ pairs, properties }) : qemu({ properties });
  },
};

function asProperties({ offer = {}, transitional }: CardWish): Record<string, boolean> {
  const named = Object.entries(offer).flatMap(([feature, on]) => {
    const property = qemuFeatures[feature as FeatureName];
    return property === undefined ? [] : [[property, on] as const];
  });
  return { ...Object.fromEntries(named), ...(transitional && { 'disable-legacy': false }) };
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
export const subjects: Readonly<Record<string, Subject>> = { 'virtio-mq': ours, qemu: qemuCard, v86 };
