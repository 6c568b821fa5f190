import { plainSum } from './packets.js';

/** What a plain receiving stack finds in a frame. Every check that it makes throws where it fails. */
export interface Received {
  version: 4 | 6;
  vlans: number[];
  identification: number;
  dontFragment: boolean;
  /** Numbers of IPv6 extension headers, in their order. */
  extensions: number[];
  ipOptions: number[];
  /** Present in a fragment: where its bytes belong, and whether there are more. */
  fragment?: { offset: number; more: boolean };
  protocol: number;
  /** What IP carries: transport header and payload. */
  content: number[];
  pseudo: number[];
}

export interface ReceivedTransport {
  sequence: number;
  flags: number;
  options: number[];
  payload: number[];
}

function insist(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function word(bytes: number[], at: number): number {
  return bytes[at] * 256 + bytes[at + 1];
}

/** Ethernet, VLAN tags and IP: lengths and the IPv4 header checksum must be right. */
export function receiveIp(frame: Uint8Array): Received {
  let rest = Array.from(frame.subarray(12));
  const vlans: number[] = [];
  while (word(rest, 0) === 0x8100 || word(rest, 0) === 0x88a8) {
    vlans.push(word(rest, 0));
    rest = rest.slice(4);
  }
  const type = word(rest, 0);
  insist(type === 0x0800 || type === 0x86dd, 'the frame carries IP');
  return type === 0x0800 ? receiveIpv4(rest.slice(2), vlans) : receiveIpv6(rest.slice(2), vlans);
}

function receiveIpv4(packet: number[], vlans: number[]): Received {
  const size = (packet[0] % 16) * 4;
  insist(word(packet, 2) === packet.length, `IPv4 says ${word(packet, 2)} bytes, there are ${packet.length}`);
  insist(plainSum(packet.slice(0, size)) === 0xffff, 'the IPv4 header checksum');
  const bits = word(packet, 6);
  const fragment = { offset: (bits % 0x2000) * 8, more: (bits & 0x2000) !== 0 };
  const content = packet.slice(size);
  return {
    version: 4,
    vlans,
    identification: word(packet, 4),
    dontFragment: (bits & 0x4000) !== 0,
    extensions: [],
    ipOptions: packet.slice(20, size),
    ...(fragment.offset > 0 || fragment.more ? { fragment } : {}),
    protocol: packet[9],
    content,
    pseudo: [...packet.slice(12, 20), 0, packet[9]],
  };
}

function receiveIpv6(packet: number[], vlans: number[]): Received {
  insist(word(packet, 4) === packet.length - 40, `IPv6 says ${word(packet, 4)} bytes, there are ${packet.length - 40}`);
  const extensions: number[] = [];
  let protocol = packet[6];
  let content = packet.slice(40);
  let identification = 0;
  let fragment: Received['fragment'];
  while (fragment === undefined && [0, 43, 44, 60].includes(protocol)) {
    extensions.push(protocol);
    if (protocol === 44) {
      insist(content[1] === 0, 'the reserved byte of a fragment header is 0');
      identification = word(content, 4) * 65536 + word(content, 6);
      fragment = { offset: word(content, 2) & 0xfff8, more: (content[3] & 1) === 1 };
    }
    const size = protocol === 44 ? 8 : (content[1] + 1) * 8;
    protocol = content[0];
    content = content.slice(size);
  }
  const pseudo = [...packet.slice(8, 40), 0, protocol];
  const found: Received = {
    version: 6,
    vlans,
    identification,
    dontFragment: false,
    extensions,
    ipOptions: [],
    protocol,
    content,
    pseudo,
  };
  return fragment ? { ...found, fragment } : found;
}

/** Puts fragments together, which must all be there, once each, and fit. */
export function reassemble(fragments: Received[]): Received {
  const content: number[] = [];
  fragments.forEach(({ fragment, identification, content: piece }, i) => {
    const last = i === fragments.length - 1;
    insist(fragment?.offset === content.length, `fragment ${i} begins at ${content.length}`);
    insist(fragment?.more === !last, `fragment ${i} says whether there are more`);
    insist(last || piece.length % 8 === 0, `fragment ${i} is a multiple of 8 bytes long`);
    insist(identification === fragments[0].identification, `fragment ${i} is one of the same packet`);
    content.push(...piece);
  });
  // Extension headers of the destination travel within the fragments.
  let { protocol, pseudo } = fragments[0];
  let rest = content;
  const extensions = [...fragments[0].extensions];
  while (protocol === 60) {
    extensions.push(60);
    protocol = rest[0];
    rest = rest.slice((rest[1] + 1) * 8);
  }
  pseudo = [...pseudo.slice(0, -1), protocol];
  return { ...fragments[0], extensions, protocol, pseudo, content: rest };
}

/** TCP or UDP: lengths and the checksum must be right. `checked: false` leaves out the checksum. */
export function receiveTransport({ protocol, content, pseudo }: Received, checked = true): ReceivedTransport {
  if (checked) {
    const sum = plainSum([...pseudo, Math.floor(content.length / 256), content.length % 256, ...content]);
    insist(sum === 0xffff, `the checksum of protocol ${protocol}`);
  }
  if (protocol === 17) {
    insist(word(content, 4) === content.length, `UDP says ${word(content, 4)} bytes, there are ${content.length}`);
    insist(!checked || word(content, 6) !== 0, 'UDP has a checksum');
    return { sequence: 0, flags: 0, options: [], payload: content.slice(8) };
  }
  insist(protocol === 6, `protocol ${protocol} is TCP`);
  const size = Math.floor(content[12] / 16) * 4;
  const sequence = word(content, 4) * 65536 + word(content, 6);
  return { sequence, flags: content[13], options: content.slice(20, size), payload: content.slice(size) };
}
