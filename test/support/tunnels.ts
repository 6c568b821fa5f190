import type { NaivePacket } from './naiveHash.js';

/** EtherTypes of what a frame or a tunnel carries. */
export const carries = { ipv4: 0x0800, ipv6: 0x86dd, ethernet: 0x6558, arp: 0x0806 } as const;

const word = (value: number): number[] => [(value >> 8) & 255, value & 255];
const zeros = (count: number): number[] => new Array<number>(count).fill(0);

/** A TCP or UDP header with nothing in it but the ports, or 20 bytes of something else. */
function upperHeader({ protocol, sourcePort, destinationPort }: NaivePacket): number[] {
  const bytes = [...word(sourcePort), ...word(destinationPort)];
  return [...bytes, ...zeros((protocol === 17 ? 8 : 20) - bytes.length)];
}

/** IPv6 extension headers as they follow one another: number and content, without the first byte of each. */
export type Extension = readonly [kind: number, content: readonly number[]];

export const homeOption = (home: readonly number[]): number[] => [0xc9, 16, ...home];
/** Options of any length, padded to whole eights (RFC 8200 4.2). */
export function optionsHeader(kind: number, options: readonly number[]): Extension {
  const missing = (8 - ((2 + options.length) % 8)) % 8;
  const padding = missing === 0 ? [] : missing === 1 ? [0] : [1, missing - 2, ...zeros(missing - 2)];
  return [kind, [(2 + options.length + missing) / 8 - 1, ...options, ...padding]];
}
export const routingHeader = (routed: readonly number[]): Extension => [43, [2, 2, 1, 0, 0, 0, 0, ...routed]];
export const fragmentHeader = (offset: number, more: boolean): Extension => [
  44,
  [0, ...word((offset << 3) | (more ? 1 : 0)), 0, 0, 0, 1],
];

/** An IP packet, of the version that its addresses say, with `payload` behind its IP headers. */
export function ipPacket(
  packet: NaivePacket,
  payload: readonly number[] = upperHeader(packet),
  extensions: readonly Extension[] = [],
  options: readonly number[] = [],
): number[] {
  const { source, destination, protocol } = packet;
  if (source.length === 4) {
    const fragment = packet.fragment ? 0x2000 : 0x4000;
    const fixed = [0x45 + options.length / 4, 0, ...word(20 + options.length + payload.length), 0, 0];
    return [...fixed, ...word(fragment), 64, protocol, 0, 0, ...source, ...destination, ...options, ...payload];
  }
  const kinds = [...extensions.map(([kind]) => kind), protocol];
  const headers = extensions.flatMap(([, content], i) => [kinds[i + 1], ...content]);
  const length = word(headers.length + payload.length);
  return [0x60, 0, 0, 0, ...length, kinds[0], 64, ...source, ...destination, ...headers, ...payload];
}

/** An Ethernet frame that carries these bytes, behind any VLAN tags. */
export function ethernet(type: number, bytes: readonly number[], tags: readonly number[] = []): number[] {
  return [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...tags.flatMap((tag) => [...word(tag), 0, 7]), ...word(type), ...bytes];
}

/** The frame of a packet without anything unusual. */
export function packetFrame(packet: NaivePacket): number[] {
  return ethernet(packet.source.length === 4 ? carries.ipv4 : carries.ipv6, ipPacket(packet));
}

const udp = (destinationPort: number, content: readonly number[]): number[] => [
  ...[...word(50000), ...word(destinationPort), ...word(8 + content.length), 0, 0],
  ...content,
];

export const gre = (flags: number, type: number, inner: readonly number[]): number[] => {
  const options = [0x8000, 0x2000, 0x1000].filter((flag) => flags & flag);
  return [...word(flags), ...word(type), ...options.flatMap(() => [0, 0, 9, 9]), ...inner];
};
export const greUdp = (flags: number, type: number, inner: readonly number[]): number[] =>
  udp(4754, gre(flags, type, inner));
export const vxlan = (inner: readonly number[], flags = 8): number[] =>
  udp(4789, [flags, 0, 0, 0, 0, 0, 42, 0, ...inner]);
export const vxlanGpe = (protocol: number, inner: readonly number[], flags = 12): number[] =>
  udp(4790, [flags, 0, 0, protocol, 0, 0, 42, 0, ...inner]);
/** `options` is a multiple of four long. */
export const geneve = (
  type: number,
  inner: readonly number[],
  options: readonly number[] = [],
  version = 0,
): number[] => udp(6081, [(version << 6) | (options.length / 4), 0, ...word(type), 0, 0, 42, 0, ...options, ...inner]);
