/** Types of Ethernet frames. */
const etherType = { ipv4: 0x0800, ipv6: 0x86dd, vlan: [0x8100, 0x88a8] } as const;
const ethernetHeader = 14;
const vlanTag = 4;
const tcp = 6;
const udp = 17;

/** Where in a TCP or UDP header its checksum is. */
const checksumAt: Readonly<Record<number, number>> = { [tcp]: 16, [udp]: 6 };

/** What stands in the headers of an IP packet without anything unusual: no fragment, no extension header. */
export interface IpPacket {
  readonly version: 4 | 6;
  /** Number of the transport protocol, and where its header starts in the frame. */
  readonly protocol: number;
  readonly transport: number;
  /** From the transport header on, as the IP header says. */
  readonly transportLength: number;
  /** Sum of the addresses, as 16-bit words. */
  readonly addressSum: number;
}

const word = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

function sumOf(bytes: Uint8Array, start: number, length: number): number {
  let sum = 0;
  for (let at = start; at < start + length; at += 2) sum += word(bytes, at);
  return sum;
}

/** Length of a frame's header: 14 bytes, and 4 for each VLAN tag. */
export function frameHeader(frame: Uint8Array): number {
  let at = ethernetHeader - 2;
  while ((etherType.vlan as readonly number[]).includes(word(frame, at))) at += vlanTag;
  return at + 2;
}

/** The IP packet in a frame whose first bytes these are; undefined for anything else. */
export function ipInFrame(frame: Uint8Array): IpPacket | undefined {
  const start = frameHeader(frame);
  const type = word(frame, start - 2);
  if (type !== etherType.ipv4 && type !== etherType.ipv6) return undefined;
  return ipAt(frame, start);
}

/** The IP packet whose header starts there. */
export function ipAt(frame: Uint8Array, start: number): IpPacket | undefined {
  const version = frame[start] >>> 4;
  if (version === 4 && start + 20 <= frame.length) {
    const header = 4 * (frame[start] & 15);
    const fragment = (word(frame, start + 6) & 0x3fff) !== 0;
    if (header < 20 || fragment) return undefined;
    return {
      version,
      protocol: frame[start + 9],
      transport: start + header,
      transportLength: word(frame, start + 2) - header,
      addressSum: sumOf(frame, start + 12, 8),
    };
  }
  if (version === 6 && start + 40 <= frame.length) {
    return {
      version,
      protocol: frame[start + 6],
      transport: start + 40,
      transportLength: word(frame, start + 4),
      addressSum: sumOf(frame, start + 8, 32),
    };
  }
  return undefined;
}

/** Where the checksum of the packet's transport header is, from that header's start; undefined for other protocols. */
export function checksumOffset({ protocol }: IpPacket): number | undefined {
  return checksumAt[protocol];
}

/**
 * Whether the field at `at` holds the sum of the pseudo header with one of these lengths. Ones' complement has two zeros.
 */
export function holdsPseudoSum(frame: Uint8Array, at: number, ip: IpPacket, lengths: readonly number[]): boolean {
  const field = word(frame, at) % 0xffff;
  return lengths.some((length) => {
    const high = Math.floor(length / 0x10000);
    return (ip.addressSum + ip.protocol + high + (length & 0xffff)) % 0xffff === field;
  });
}

/** Length of the transport header that starts there; undefined for a protocol that has no segments. */
export function transportHeader(frame: Uint8Array, { protocol, transport }: IpPacket): number | undefined {
  if (protocol === udp) return 8;
  return protocol === tcp && transport + 13 < frame.length ? 4 * (frame[transport + 12] >>> 4) : undefined;
}

/** Whether a TCP header asks for less because of congestion (CWR, RFC 3168). */
export function reducesWindow(frame: Uint8Array, transport: number): boolean {
  return (frame[transport + 13] & 0x80) !== 0;
}
