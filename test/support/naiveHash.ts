/**
 * Receive hashing, written from virtio 5.1.6.4.3 and Microsoft's description of RSS alone: bit by bit, on plain arrays,
 * without a table, and built from the packet's parts instead of being looked up in its bytes.
 */

/** The key of Microsoft's verification suite. */
export const microsoftKey = Uint8Array.from(
  (
    '6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b4' + //
    '77cb2da38030f20c6a42b73bbeac01fa'
  ).match(/../g)!,
  (byte) => parseInt(byte, 16),
);

/** The Toeplitz hash of an input, unsigned. */
export function naiveToeplitz(key: ArrayLike<number>, input: ArrayLike<number>): number {
  const bit = (bytes: ArrayLike<number>, n: number): number => (((bytes[n >> 3] ?? 0) << (n & 7)) & 0x80 ? 1 : 0);
  let result = 0n;
  for (let n = 0; n < 8 * input.length; n++) {
    if (!bit(input, n)) continue;
    let window = 0n;
    for (let k = n; k < n + 32; k++) window = (window << 1n) | BigInt(bit(key, k));
    result ^= window;
  }
  return Number(result);
}

/** A packet in parts. */
export interface NaivePacket {
  readonly source: readonly number[];
  readonly destination: readonly number[];
  /** 6 is TCP, 17 is UDP. */
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** It is a fragment of a larger packet. */
  readonly fragment?: boolean;
  /** IPv6: it has extension headers, among them perhaps one with a home address and one with a routed address. */
  readonly extended?: boolean;
  readonly home?: readonly number[];
  readonly routed?: readonly number[];
}

/** Hash types in the order of their bits, with what each wants (virtio 5.1.6.4.3.1). */
const types = [
  { version: 4, protocol: 0, extended: false },
  { version: 4, protocol: 6, extended: false },
  { version: 4, protocol: 17, extended: false },
  { version: 6, protocol: 0, extended: false },
  { version: 6, protocol: 6, extended: false },
  { version: 6, protocol: 17, extended: false },
  { version: 6, protocol: 0, extended: true },
  { version: 6, protocol: 6, extended: true },
  { version: 6, protocol: 17, extended: true },
];

/** Hash and report of a packet, with these hash types enabled. Report 0 says that there is no hash. */
export function naiveHash(key: Uint8Array, enabled: number, packet: NaivePacket): { hash: number; report: number } {
  const version = packet.source.length === 4 ? 4 : 6;
  const protocol = packet.fragment ? 0 : packet.protocol;
  // The specification tries the types for extension headers first, and of each kind those with ports.
  for (const extended of packet.extended ? [true, false] : [false]) {
    for (const wanted of protocol === 6 || protocol === 17 ? [protocol, 0] : [0]) {
      const index = types.findIndex(
        (type) => type.version === version && type.protocol === wanted && type.extended === extended,
      );
      if (!((enabled >>> index) & 1)) continue;
      const input = [...packet.source, ...packet.destination];
      if (extended && packet.home) input.splice(0, 16, ...packet.home);
      if (extended && packet.routed) input.splice(16, 16, ...packet.routed);
      if (wanted) for (const port of [packet.sourcePort, packet.destinationPort]) input.push(port >> 8, port & 255);
      return { hash: naiveToeplitz(key, input), report: index + 1 };
    }
  }
  return { hash: 0, report: 0 };
}
