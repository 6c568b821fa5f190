import { describe, expect, it } from 'vitest';
import { ReceiveHash } from '../../../src/net/hash/receiveHash.js';
import { tunnelType } from '../../../src/net/hash/types.js';
import { microsoftKey, naiveHash, type NaivePacket } from '../../support/naiveHash.js';
import {
  carries,
  ethernet,
  geneve,
  gre,
  greUdp,
  ipPacket,
  optionsHeader,
  packetFrame,
  vxlan,
  vxlanGpe,
} from '../../support/tunnels.js';
import { frameOf } from '../../support/wire.js';

const allTypes = 0x1ff;
const address6 = (last: number): number[] => [0xfd, ...new Array<number>(14).fill(0), last];

const outer4: NaivePacket = {
  source: [192, 0, 2, 1],
  destination: [192, 0, 2, 2],
  protocol: 17,
  sourcePort: 50000,
  destinationPort: 0,
};
const outer6: NaivePacket = { ...outer4, source: address6(1), destination: address6(2) };
const inner4: NaivePacket = {
  source: [10, 0, 0, 1],
  destination: [10, 0, 0, 2],
  protocol: 6,
  sourcePort: 1000,
  destinationPort: 80,
};
const inner6: NaivePacket = { ...inner4, source: address6(3), destination: address6(4), protocol: 17 };
const [packet4, packet6] = [ipPacket(inner4), ipPacket(inner6)];
const frame4 = packetFrame(inner4);
const frame6 = packetFrame(inner6);

const over = (outer: NaivePacket, protocol: number, payload: readonly number[]): number[] => {
  const version = outer.source.length === 4 ? carries.ipv4 : carries.ipv6;
  return ethernet(version, ipPacket({ ...outer, protocol }, payload));
};
const [udp, greProtocol, ipip] = [17, 47, 4];

function find(bytes: readonly number[], tunnelTypes: number): { hash: number; report: number } {
  const receiveHash = new ReceiveHash();
  receiveHash.configure(allTypes, microsoftKey);
  expect(receiveHash.setTunnelTypes(tunnelTypes)).toBe(true);
  const frame = frameOf(Uint8Array.from(bytes));
  receiveHash.find(frame);
  return { hash: frame.hash >>> 0, report: frame.hashReport };
}
const hashOf = (packet: NaivePacket) => naiveHash(microsoftKey, allTypes, packet);

type Name = keyof typeof tunnelType;
const cases: [what: string, frame: number[], inner: NaivePacket, types: Name[]][] = [
  ['IPv4 in IPv4', over(outer4, ipip, packet4), inner4, ['ipip']],
  ['VXLAN', over(outer4, udp, vxlan(frame4)), inner4, ['vxlan']],
  ['VXLAN over IPv6', over(outer6, udp, vxlan(frame6)), inner6, ['vxlan']],
  ['VXLAN of a tagged frame', over(outer4, udp, vxlan(ethernet(0x0800, packet4, [0x8100]))), inner4, ['vxlan']],
  ['VXLAN-GPE with IPv4', over(outer4, udp, vxlanGpe(1, packet4)), inner4, ['vxlanGpe']],
  ['VXLAN-GPE with IPv6', over(outer4, udp, vxlanGpe(2, packet6)), inner6, ['vxlanGpe']],
  ['VXLAN-GPE with Ethernet', over(outer6, udp, vxlanGpe(3, frame4)), inner4, ['vxlanGpe']],
  ['VXLAN-GPE that names no protocol', over(outer4, udp, vxlanGpe(0, frame4, 8)), inner4, ['vxlanGpe']],
  ['Geneve with Ethernet', over(outer4, udp, geneve(carries.ethernet, frame6)), inner6, ['geneve']],
  ['Geneve with IPv4', over(outer6, udp, geneve(carries.ipv4, packet4)), inner4, ['geneve']],
  [
    'Geneve with all the options there can be',
    over(outer6, udp, geneve(carries.ethernet, frame6, new Array<number>(252).fill(1))),
    inner6,
    ['geneve'],
  ],
  ['GRE', over(outer4, greProtocol, gre(0, carries.ipv4, packet4)), inner4, ['gre2784']],
  ['GRE with a checksum', over(outer4, greProtocol, gre(0x8000, carries.ipv4, packet4)), inner4, ['gre2784']],
  ['GRE with a key', over(outer4, greProtocol, gre(0x2000, carries.ipv4, packet4)), inner4, ['gre2890']],
  ['GRE with all options', over(outer4, greProtocol, gre(0xb000, carries.ipv4, packet4)), inner4, ['gre2890']],
  ['GRE of IPv6', over(outer4, greProtocol, gre(0, carries.ipv6, packet6)), inner6, ['gre2784', 'gre7676']],
  ['GRE over IPv6', over(outer6, greProtocol, gre(0, carries.ipv4, packet4)), inner4, ['gre7676']],
  [
    'GRE over IPv6 with numbers',
    over(outer6, greProtocol, gre(0x1000, carries.ipv4, packet4)),
    inner4,
    ['gre2890', 'gre7676'],
  ],
  ['GRE of Ethernet', over(outer4, greProtocol, gre(0, carries.ethernet, frame4)), inner4, ['gre2784']],
  ['NVGRE', over(outer4, greProtocol, gre(0x2000, carries.ethernet, frame4)), inner4, ['gre2890', 'nvgre']],
  ['GRE in UDP', over(outer4, udp, greUdp(0x2000, carries.ipv4, packet4)), inner4, ['greUdp']],
];

describe('the hash of the inner packet (5.1.6.4.4)', () => {
  for (const [what, frame, inner, types] of cases) {
    it(`is taken of ${what} with any of ${types.join(', ')}, and with no other`, () => {
      const outer = find(frame, 0);
      expect(outer.hash).not.toBe(hashOf(inner).hash);
      for (const name of Object.keys(tunnelType) as Name[]) {
        expect(find(frame, tunnelType[name]), name).toEqual(types.includes(name) ? hashOf(inner) : outer);
      }
    });
  }

  it('is taken of one level of encapsulation only', () => {
    const twice = over(outer4, udp, vxlan(packetFrame({ ...inner4, protocol: 17, destinationPort: 4789 })));
    expect(find(twice, tunnelType.vxlan)).toEqual(hashOf({ ...inner4, protocol: 17, destinationPort: 4789 }));
  });

  it('is none when what is inside is no IP', () => {
    const none = { hash: 0, report: 0 };
    expect(find(over(outer4, udp, vxlan(ethernet(carries.arp, packet4))), tunnelType.vxlan)).toEqual(none);
    expect(find(over(outer4, udp, vxlanGpe(4, packet4)), tunnelType.vxlanGpe)).toEqual(none);
    expect(find(over(outer4, greProtocol, gre(0, 0x880b, packet4)), tunnelType.gre2784)).toEqual(none);
  });

  it('sees behind extension headers of the outer packet', () => {
    const far = optionsHeader(0, [1, 254, ...new Array<number>(254).fill(0)]);
    const frame = ethernet(carries.ipv6, ipPacket({ ...outer6, protocol: udp }, vxlan(frame4), [far, far]));
    expect(find(frame, tunnelType.vxlan)).toEqual(hashOf(inner4));
  });
});

describe('the outer packet is hashed', () => {
  const all = 0x1ff;
  it.each([
    ['of another port', over(outer4, udp, [0, 1, 2, 3, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 42, 0, ...frame4])],
    ['of VXLAN without its flag', over(outer4, udp, vxlan(frame4, 0))],
    ['of VXLAN-GPE without its flag', over(outer4, udp, vxlanGpe(3, frame4, 4))],
    ['of Geneve of another version', over(outer4, udp, geneve(carries.ethernet, frame4, [], 1))],
    ['of GRE of another version', over(outer4, greProtocol, gre(1, carries.ipv4, packet4))],
    ['of GRE with routing', over(outer4, greProtocol, gre(0x4000, carries.ipv4, packet4))],
    ['of IPv4 in IPv6, which has no type', over(outer6, ipip, packet4)],
  ])('%s', (_, frame) => {
    const outer = find(frame, 0);
    expect(outer.report).not.toBe(0);
    expect(find(frame, all)).toEqual(outer);
  });

  it('of a fragment', () => {
    const frame = ethernet(carries.ipv4, ipPacket({ ...outer4, protocol: udp, fragment: true }, vxlan(frame4)));
    expect(find(frame, all)).toEqual(hashOf({ ...outer4, fragment: true }));
  });

  it('of a tunnel that is cut', () => {
    const whole = over(outer4, udp, vxlan(frame4));
    const start = whole.length - frame4.length;
    expect(find(whole.slice(0, start - 1), all)).toEqual(find(whole, 0));
    expect(find(whole.slice(0, start), all).report).toBe(0);
    const short = over(outer4, greProtocol, gre(0, carries.ipv4, packet4)).slice(0, 14 + 20 + 3);
    expect(find(short, all).report).toBe(1);
  });
});
