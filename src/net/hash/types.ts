/**
 * VIRTIO_NET_HASH_TYPE_ bits: what a hash may be taken over (virtio 5.1.6.4.3.1). They come in threes: of addresses, of
 * addresses and TCP's ports, of addresses and UDP's.
 */
export const hashType = {
  ipv4: 1 << 0,
  tcpv4: 1 << 1,
  udpv4: 1 << 2,
  ipv6: 1 << 3,
  tcpv6: 1 << 4,
  udpv6: 1 << 5,
  ipEx: 1 << 6,
  tcpEx: 1 << 7,
  udpEx: 1 << 8,
} as const;

/** VIRTIO_NET_HASH_TUNNEL_TYPE_ bits: encapsulations whose inner packet may be hashed (virtio 5.1.6.4.4). */
export const tunnelType = {
  gre2784: 1 << 0,
  gre2890: 1 << 1,
  gre7676: 1 << 2,
  greUdp: 1 << 3,
  vxlan: 1 << 4,
  vxlanGpe: 1 << 5,
  geneve: 1 << 6,
  ipip: 1 << 7,
  nvgre: 1 << 8,
} as const;

const all = (bits: Readonly<Record<string, number>>): number => Object.values(bits).reduce((sum, bit) => sum | bit, 0);

export const supportedHashTypes = all(hashType);
export const supportedTunnelTypes = all(tunnelType);

/** VIRTIO_NET_HASH_REPORT_NONE: no hash was taken. */
export const noReport = 0;

/** VIRTIO_NET_HASH_REPORT_XXX, from VIRTIO_NET_HASH_TYPE_XXX (virtio 5.1.6.4.5). */
export function reportOf(type: number): number {
  return 32 - Math.clz32(type);
}
