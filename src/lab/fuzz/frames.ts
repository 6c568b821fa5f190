/** Kinds of frames that say something to a card: what they are addressed to and what is in them. */
export const frameKinds = ['plain', 'arp', 'tcp4', 'udp4', 'tcp6', 'udp6', 'vxlan', 'gre', 'garbage'] as const;
export type FrameKind = (typeof frameKinds)[number];

/** Who a frame is for. */
export const destinations = ['card', 'all', 'group', 'other'] as const;
export type Destination = (typeof destinations)[number];

const addresses: Readonly<Record<Exclude<Destination, 'card'>, readonly number[]>> = {
  all: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  group: [0x33, 0x33, 0, 0, 0, 1],
  other: [2, 0, 0, 0, 0, 0x77],
};
const source = [2, 0, 0, 0, 0, 1];

export interface FrameWish {
  readonly kind: FrameKind;
  readonly to: Destination;
  /** Undefined: without a tag. */
  readonly vlan?: number | undefined;
  /** Bytes of payload. */
  readonly payload: number;
  /** What else may differ: ports, addresses. */
  readonly seed: number;
}

/** Where a frame's headers end, which a packet header that asks for segmentation needs. */
export interface MadeFrame {
  readonly bytes: Uint8Array;
  /** Start of the (inner) TCP or UDP header; 0 where there is none. */
  readonly transport: number;
  readonly transportBytes: number;
}

export function makeFrame({ kind, to, vlan, payload, seed }: FrameWish, mac: Uint8Array): MadeFrame {
  const destination = to === 'card' ? Array.from(mac) : addresses[to];
  const tag = vlan === undefined ? [] : [0x81, 0, (vlan >>> 8) & 0xff, vlan & 0xff];
  const start = [...destination, ...source, ...tag];
  const { type, headers, transport, transportBytes } = layers(kind, payload, seed);
  const offset = start.length + type.length;
  const bytes = new Uint8Array(offset + headers.length + payload);
  for (let at = 0; at < bytes.length; at++) bytes[at] = at * 31 + seed;
  bytes.set([...start, ...type, ...headers]);
  return { bytes, transport: transport < 0 ? 0 : offset + transport, transportBytes };
}

interface Layers {
  readonly type: readonly number[];
  readonly headers: readonly number[];
  readonly transport: number;
  readonly transportBytes: number;
}

function layers(kind: FrameKind, payload: number, seed: number): Layers {
  const none = { transport: -1, transportBytes: 0 };
  const ipv4 = [8, 0];
  switch (kind) {
    case 'plain':
      return { type: [0x88, 0xb5], headers: [], ...none };
    case 'arp':
      return { type: [8, 6], headers: [0, 1, 8, 0, 6, 4, 0, 1], ...none };
    case 'garbage':
      return { type: [seed, payload & 0xff], headers: [], ...none };
    case 'tcp4':
    case 'udp4':
      return ip(kind, payload, seed);
    case 'tcp6':
    case 'udp6':
      return ip(kind, payload, seed);
    case 'vxlan': {
      const inner = ip('tcp4', payload, seed);
      const tunnelled = [8, 0, 0, 0, 0, 0, seed, 0, ...addresses.other, ...source, ...inner.type, ...inner.headers];
      const outer = [
        ...header4(17, 8 + tunnelled.length + payload, seed),
        ...udp(4789, tunnelled.length + payload, seed),
      ];
      const transport = outer.length + tunnelled.length - inner.headers.length + inner.transport;
      return { type: ipv4, headers: [...outer, ...tunnelled], transport, transportBytes: inner.transportBytes };
    }
    case 'gre': {
      const inner = ip('udp4', payload, seed);
      const headers = [
        ...header4(47, 4 + inner.headers.length + payload, seed),
        seed & 0xb0,
        0,
        8,
        0,
        ...inner.headers,
      ];
      return { type: ipv4, headers, ...none };
    }
  }
}

function ip(kind: 'tcp4' | 'udp4' | 'tcp6' | 'udp6', payload: number, seed: number): Layers {
  const isTcp = kind.startsWith('tcp');
  const transport = isTcp ? tcp(seed) : udp(seed, payload, seed);
  const length = transport.length + payload;
  const six = kind.endsWith('6');
  const network = six ? header6(isTcp ? 6 : 17, length, seed) : header4(isTcp ? 6 : 17, length, seed);
  return {
    type: six ? [0x86, 0xdd] : [8, 0],
    headers: [...network, ...transport],
    transport: network.length,
    transportBytes: transport.length,
  };
}

function header4(protocol: number, length: number, seed: number): number[] {
  const total = 20 + length;
  return [0x45, 0, total >>> 8, total & 0xff, 0, seed, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, seed];
}

function header6(next: number, length: number, seed: number): number[] {
  const address = (last: number): number[] => [0xfd, ...new Array<number>(14).fill(0), last];
  return [0x60, 0, 0, 0, length >>> 8, length & 0xff, next, 64, ...address(1), ...address(seed)];
}

function tcp(seed: number): number[] {
  return [0x10, seed, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, seed & 0x1f, 0xff, 0xff, 0, 0, 0, 0];
}

function udp(port: number, payload: number, seed: number): number[] {
  const length = 8 + payload;
  return [0x10, seed, port >>> 8, port & 0xff, length >>> 8, length & 0xff, 0, 0];
}
