/** Kinds of frames that say something to a card: what is in them. */
export const frameKinds = [
  ...['plain', 'arp', 'tcp4', 'udp4', 'tcp6', 'udp6', 'vxlan', 'gre', 'garbage'],
  ...['options4', 'fragment4', 'extensions6', 'geneve', 'vxlanGpe', 'nvgre', 'greUdp', 'ipip'],
] as const;
export type FrameKind = string;

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

/** What begins behind the Ethernet header; each number of a frame's own is drawn from its seed. */
function layers(kind: FrameKind, payload: number, seed: number): Layers {
  const ports: Readonly<Record<string, number>> = { vxlan: 4789, vxlanGpe: 4790, geneve: 6081, greUdp: 4754 };
  const tcp4 = ip('tcp4', payload, seed);
  const bridged = [...addresses.other, ...source, ...tcp4.type, ...tcp4.headers];
  const tunnels: Readonly<Record<string, readonly number[]>> = {
    vxlan: [8, 0, 0, 0, 0, 0, seed, 0, ...bridged],
    vxlanGpe: seed & 1 ? [0x0c, 0, 0, 3, 0, 0, seed, 0, ...bridged] : [0x0c, 0, 0, 1, 0, 0, seed, 0, ...tcp4.headers],
    geneve: [seed & 1, 0, 0x65, 0x58, 0, 0, seed, 0, ...(seed & 1 ? [0, 0, seed, 0] : []), ...bridged],
    greUdp: [
      seed & 0x30,
      0,
      8,
      0,
      ...(seed & 0x20 ? [0, 0, 0, 1] : []),
      ...(seed & 0x10 ? [0, 0, 0, 2] : []),
      ...tcp4.headers,
    ],
    gre: [seed & 0xb0, 0, 8, 0, ...tcp4.headers],
    nvgre: [0x20, 0, 0x65, 0x58, 0, 0, seed, 0, ...bridged],
    ipip: tcp4.headers,
  };
  const tunnelled = tunnels[kind];
  const none = { transport: -1, transportBytes: 0 };
  if (tunnelled) {
    const port = ports[kind];
    const protocol = port ? 17 : kind === 'ipip' ? 4 : 47;
    const length = tunnelled.length + payload;
    const outer = [...header4(protocol, port ? 8 + length : length, seed), ...(port ? udp(port, length, seed) : [])];
    const transport = outer.length + tunnelled.length - tcp4.headers.length + tcp4.transport;
    return { type: [8, 0], headers: [...outer, ...tunnelled], transport, transportBytes: tcp4.transportBytes };
  }
  if (kind === 'plain') return { type: [0x88, 0xb5], headers: [], ...none };
  if (kind === 'arp') return { type: [8, 6], headers: [0, 1, 8, 0, 6, 4, 0, 1], ...none };
  if (kind === 'garbage') return { type: [seed, payload & 0xff], headers: [], ...none };
  if (kind === 'options4') return optional(ip('udp4', payload, seed), seed);
  if (kind === 'fragment4') return fragment(ip('udp4', payload, seed), seed);
  if (kind === 'extensions6') return extended(ip('tcp6', payload, seed), seed);
  return ip(kind as 'tcp4' | 'udp4' | 'tcp6' | 'udp6', payload, seed);
}

/** An IPv4 header that is longer than it need be, or says so. */
function optional({ type, headers, transport, transportBytes }: Layers, seed: number): Layers {
  const words = seed % 11;
  const start = [0x45 + words, ...headers.slice(1, 20), ...new Array<number>(4 * words).fill(1)];
  return { type, headers: [...start, ...headers.slice(20)], transport: transport + 4 * words, transportBytes };
}

function fragment(layers: Layers, seed: number): Layers {
  const headers = [...layers.headers];
  headers[6] = 0x20 * (seed & 1);
  headers[7] = seed >>> 1;
  return { ...layers, headers };
}

/** Extension headers of IPv6: hop by hop, routing, destination options, fragment; in that order, as many as the seed says. */
function extended({ type, headers, transportBytes }: Layers, seed: number): Layers {
  const kinds = [0, 43, 60, 44].slice(0, 1 + (seed & 3));
  const address = new Array<number>(16).fill(seed);
  const bodies: Readonly<Record<number, readonly number[]>> = {
    0: [0, 1, 4, 0, 0, 0, 0],
    43: [2, 2, 1, 0, 0, 0, 0, ...address],
    60: [2, 0xc9, 16, ...address, 1, 2, 0, 0],
    44: [0, 0, seed & 0xf8, 0, 0, 0, seed],
  };
  const chain = kinds.flatMap((each, i) => [kinds[i + 1] ?? headers[6], ...bodies[each]]);
  const start = [...headers.slice(0, 6), kinds[0], ...headers.slice(7, 40)];
  const length = headers[4] * 256 + headers[5] + chain.length;
  start[4] = length >>> 8;
  start[5] = length & 0xff;
  return { type, headers: [...start, ...chain, ...headers.slice(40)], transport: 40 + chain.length, transportBytes };
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
