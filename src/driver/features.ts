/** Feature bits as the specification numbers them, for every kind of device (virtio chapter 6) and the network card (5.1.3). */
export const featureBits = {
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
  VIRTIO_F_NOTIFY_ON_EMPTY: 24,
  VIRTIO_F_ANY_LAYOUT: 27,
  VIRTIO_F_INDIRECT_DESC: 28,
  VIRTIO_F_EVENT_IDX: 29,
  VIRTIO_F_VERSION_1: 32,
  VIRTIO_F_ACCESS_PLATFORM: 33,
  VIRTIO_F_RING_PACKED: 34,
  VIRTIO_F_IN_ORDER: 35,
  VIRTIO_F_ORDER_PLATFORM: 36,
  VIRTIO_F_SR_IOV: 37,
  VIRTIO_F_NOTIFICATION_DATA: 38,
  VIRTIO_F_NOTIF_CONFIG_DATA: 39,
  VIRTIO_F_RING_RESET: 40,
  VIRTIO_F_ADMIN_VQ: 41,
  VIRTIO_F_SUSPEND: 43,
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
  VIRTIO_NET_F_RSS_CONTEXT: 64,
  VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO: 65,
  VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM: 66,
  VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO: 67,
  VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM: 68,
  VIRTIO_NET_F_OUT_NET_HEADER: 69,
  VIRTIO_NET_F_IPSEC: 70,
} as const;

export type FeatureName = keyof typeof featureBits;

/** The set of these features. */
export function features(...names: readonly FeatureName[]): bigint {
  return names.reduce((set, name) => set | (1n << BigInt(featureBits[name])), 0n);
}

export function has(set: bigint, name: FeatureName): boolean {
  return ((set >> BigInt(featureBits[name])) & 1n) === 1n;
}

/**
 * What this driver knows how to use. The others have a meaning that it does not act on: a platform's IOMMU and memory
 * order, virtual functions, administration, hashes of tunnelled packets, a standby card,
 * coalesced segments, segments in tunnels, contexts of RSS, and IPsec.
 */
export const knownFeatures = Object.entries(featureBits)
  .filter(
    ([name]) =>
      ![
        'VIRTIO_NET_F_GSO',
        'VIRTIO_F_NOTIFY_ON_EMPTY',
        'VIRTIO_F_ANY_LAYOUT',
        'VIRTIO_F_ACCESS_PLATFORM',
        'VIRTIO_F_ORDER_PLATFORM',
        'VIRTIO_F_SR_IOV',
        'VIRTIO_F_ADMIN_VQ',
        'VIRTIO_NET_F_HASH_TUNNEL',
        'VIRTIO_NET_F_RSC_EXT',
        'VIRTIO_NET_F_STANDBY',
        'VIRTIO_NET_F_RSS_CONTEXT',
        'VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO',
        'VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM',
        'VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO',
        'VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM',
        'VIRTIO_NET_F_OUT_NET_HEADER',
        'VIRTIO_NET_F_IPSEC',
      ].includes(name),
  )
  .reduce((set, [, bit]) => set | (1n << BigInt(bit)), 0n);

export type Dependency = readonly [feature: FeatureName, ...oneOf: readonly FeatureName[]];

/** Feature bit requirements (virtio 5.1.3.1): a feature, and those of which it needs one; it may have several of them. */
export const dependencies: readonly Dependency[] = [
  ['VIRTIO_NET_F_GUEST_TSO4', 'VIRTIO_NET_F_GUEST_CSUM'],
  ['VIRTIO_NET_F_GUEST_TSO6', 'VIRTIO_NET_F_GUEST_CSUM'],
  ['VIRTIO_NET_F_GUEST_ECN', 'VIRTIO_NET_F_GUEST_TSO4', 'VIRTIO_NET_F_GUEST_TSO6'],
  ['VIRTIO_NET_F_GUEST_UFO', 'VIRTIO_NET_F_GUEST_CSUM'],
  ['VIRTIO_NET_F_GUEST_USO4', 'VIRTIO_NET_F_GUEST_CSUM'],
  ['VIRTIO_NET_F_GUEST_USO6', 'VIRTIO_NET_F_GUEST_CSUM'],
  ['VIRTIO_NET_F_HOST_TSO4', 'VIRTIO_NET_F_CSUM'],
  ['VIRTIO_NET_F_HOST_TSO6', 'VIRTIO_NET_F_CSUM'],
  ['VIRTIO_NET_F_HOST_ECN', 'VIRTIO_NET_F_HOST_TSO4', 'VIRTIO_NET_F_HOST_TSO6'],
  ['VIRTIO_NET_F_HOST_UFO', 'VIRTIO_NET_F_CSUM'],
  ['VIRTIO_NET_F_HOST_USO', 'VIRTIO_NET_F_CSUM'],
  ['VIRTIO_NET_F_CTRL_RX', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_CTRL_RX_EXTRA', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_CTRL_VLAN', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_GUEST_ANNOUNCE', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_MQ', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_CTRL_MAC_ADDR', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_CTRL_GUEST_OFFLOADS', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_DEVICE_STATS', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_NOTF_COAL', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_VQ_NOTF_COAL', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_RSS', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_HASH_REPORT', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_HASH_TUNNEL', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_HASH_TUNNEL', 'VIRTIO_NET_F_RSS', 'VIRTIO_NET_F_HASH_REPORT'],
  ['VIRTIO_NET_F_RSC_EXT', 'VIRTIO_NET_F_HOST_TSO4', 'VIRTIO_NET_F_HOST_TSO6'],
  ['VIRTIO_NET_F_RSS_CONTEXT', 'VIRTIO_NET_F_CTRL_VQ'],
  ['VIRTIO_NET_F_RSS_CONTEXT', 'VIRTIO_NET_F_RSS'],
  ['VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO', 'VIRTIO_NET_F_GUEST_TSO4'],
  ['VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO', 'VIRTIO_NET_F_GUEST_TSO6'],
  ['VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO', 'VIRTIO_NET_F_GUEST_USO4'],
  ['VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO', 'VIRTIO_NET_F_GUEST_USO6'],
  ['VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM', 'VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO'],
  ['VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO', 'VIRTIO_NET_F_HOST_TSO4'],
  ['VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO', 'VIRTIO_NET_F_HOST_TSO6'],
  ['VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO', 'VIRTIO_NET_F_HOST_USO'],
  ['VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM', 'VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO'],
];

/** The rules that a set breaks. */
export function unmet(set: bigint): Dependency[] {
  return dependencies.filter(([name, ...oneOf]) => has(set, name) && !oneOf.some((other) => has(set, other)));
}

/** The set without what lacks a feature that it needs. */
export function withoutOrphans(set: bigint): bigint {
  const [orphan] = unmet(set);
  return orphan ? withoutOrphans(set & ~features(orphan[0])) : set;
}

/** Accepts what is offered, known to this driver, and not excepted; what needs an excepted feature is left out too. */
export function everythingBut(...except: readonly FeatureName[]): (offered: bigint) => bigint {
  return (offered) => withoutOrphans(offered & knownFeatures & ~features(...except));
}
