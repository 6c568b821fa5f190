import { read16 } from './words.js';

export const etherType = { vlan: 0x8100, providerVlan: 0x88a8, ipv4: 0x0800, ipv6: 0x86dd } as const;

/**
 * Where the type stands that says what the frame at `start` carries: behind the addresses and up to two VLAN tags
 * (802.1Q, 802.1ad).
 * @param end where the bytes end that may be looked at
 */
export function typeOffset(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let at = start + 12;
  for (; at < start + 20; at += 4) {
    const type = at + 2 <= end ? read16(bytes, at) : 0;
    if (type !== etherType.vlan && type !== etherType.providerVlan) break;
  }
  return at;
}
