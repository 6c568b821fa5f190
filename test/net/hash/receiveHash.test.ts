import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReceiveHash } from '../../../src/net/hash/receiveHash.js';
import { Frame } from '../../../src/net/link/frame.js';
import { microsoftKey, naiveHash, type NaivePacket } from '../../support/naiveHash.js';
import {
  carries,
  ethernet,
  fragmentHeader,
  homeOption,
  ipPacket,
  optionsHeader,
  packetFrame,
  routingHeader,
  type Extension,
} from '../../support/tunnels.js';
import { frameOf } from '../../support/wire.js';

const all = 0x1ff;

function find(bytes: readonly number[], types: number, key = microsoftKey): { hash: number; report: number } {
  const receiveHash = new ReceiveHash();
  expect(receiveHash.configure(types, key)).toBe(true);
  const frame = frameOf(Uint8Array.from(bytes));
  receiveHash.find(frame);
  return { hash: frame.hash >>> 0, report: frame.hashReport };
}

const ipv4 = (text: string): number[] => text.split('.').map(Number);

/** The bytes of an IPv6 address as people write it. */
function ipv6(text: string): number[] {
  const [left, right = ''] = text.split('::');
  const words = (part: string): number[] => (part === '' ? [] : part.split(':').map((word) => parseInt(word, 16)));
  const [head, tail] = [words(left), words(right)];
  const middle = new Array<number>(8 - head.length - tail.length).fill(0);
  return [...head, ...middle, ...tail].flatMap((word) => [word >> 8, word & 255]);
}

/** Microsoft's verification suite: "Verifying the RSS Hash Calculation" of the Windows driver documentation. */
const suite: [destination: string, port: number, source: string, port: number, addresses: number, tcp: number][] = [
  ['161.142.100.80', 1766, '66.9.149.187', 2794, 0x323e8fc2, 0x51ccc178],
  ['65.69.140.83', 4739, '199.92.111.2', 14230, 0xd718262a, 0xc626b0ea],
  ['12.22.207.184', 38024, '24.19.198.95', 12898, 0xd2d0a5de, 0x5c2b394a],
  ['209.142.163.6', 2217, '38.27.205.30', 48228, 0x82989176, 0xafc7327f],
  ['202.188.127.2', 1303, '153.39.163.191', 44251, 0x5d1809c5, 0x10e828a2],
  ['3ffe:2501:200:3::1', 1766, '3ffe:2501:200:1fff::7', 2794, 0x2cc18cd5, 0x40207d3d],
  ['ff02::1', 4739, '3ffe:501:8::260:97ff:fe40:efab', 14230, 0x0f0c461c, 0xdde51bbf],
  ['fe80::200:f8ff:fe21:67cf', 38024, '3ffe:1900:4545:3:200:f8ff:fe21:67cf', 44251, 0x4b61e985, 0x02d1feef],
];

describe("Microsoft's verification suite", () => {
  for (const [to, destinationPort, from, sourcePort, addresses, tcp] of suite) {
    it(`of ${from} to ${to}`, () => {
      const address = to.includes(':') ? ipv6 : ipv4;
      const packet = { source: address(from), destination: address(to), protocol: 6, sourcePort, destinationPort };
      const version = to.includes(':') ? 3 : 0;
      const bytes = packetFrame(packet);
      expect(find(bytes, all)).toEqual({ hash: tcp, report: version + 2 });
      expect(find(bytes, 1 << version)).toEqual({ hash: addresses, report: version + 1 });
      // UDP's ports stand where TCP's do, and so the hash is the same.
      expect(find(packetFrame({ ...packet, protocol: 17 }), all)).toEqual({ hash: tcp, report: version + 3 });
    });
  }
});

const bytes = (length: number): fc.Arbitrary<number[]> =>
  fc.array(fc.nat(255), { minLength: length, maxLength: length });
const port = fc.nat(0xffff);
const protocol = fc.constantFrom(6, 17, 1, 50, 59, 132);
const anyPacket: fc.Arbitrary<NaivePacket> = fc
  .tuple(fc.constantFrom(4, 16), protocol, port, port)
  .chain(([length, protocol, sourcePort, destinationPort]) =>
    fc.record({
      source: bytes(length),
      destination: bytes(length),
      protocol: fc.constant(protocol),
      sourcePort: fc.constant(sourcePort),
      destinationPort: fc.constant(destinationPort),
      fragment: length === 4 ? fc.boolean() : fc.constant(false),
    }),
  );
const types = fc.nat(all);
const key = fc.uint8Array({ minLength: 1, maxLength: 40 });

/** Extension headers, with what they mean to a hash. */
type Meaning = Partial<Pick<NaivePacket, 'home' | 'routed' | 'fragment'>>;
const extension: fc.Arbitrary<[Extension, Meaning]> = fc.oneof(
  fc
    .array(fc.constantFrom([0], [1, 0], [5, 2, 0, 0], [1, 6, 0, 0, 0, 0, 0, 0]))
    .map((options): [Extension, Meaning] => {
      return [optionsHeader(0, options.flat()), {}];
    }),
  bytes(16).map((home): [Extension, Meaning] => [optionsHeader(60, [0, 0, ...homeOption(home)]), { home }]),
  bytes(16).map((routed): [Extension, Meaning] => [routingHeader(routed), { routed }]),
  fc.constant<[Extension, Meaning]>([fragmentHeader(0, false), {}]),
  fc.constant<[Extension, Meaning]>([[43, [0, 0, 0, 0, 0, 0, 0]], {}]),
  // Authentication, whose length counts otherwise.
  fc.constant<[Extension, Meaning]>([[51, [4, ...new Array<number>(22).fill(7)]], {}]),
  fc.constant<[Extension, Meaning]>([[135, [0, 0, 0, 0, 0, 0, 0]], {}]),
);

describe('the hash of a packet (5.1.6.4.3)', () => {
  it('is that of the independent implementation, whatever is enabled', () => {
    fc.assert(
      fc.property(anyPacket, types, key, (packet, types, key) => {
        expect(find(packetFrame(packet), types, key)).toEqual(naiveHash(key, types, packet));
      }),
      { numRuns: 500 },
    );
  });

  it('sees through extension headers, and finds home address and route in them', () => {
    fc.assert(
      fc.property(
        anyPacket.filter(({ source }) => source.length === 16),
        fc.uniqueArray(extension, { minLength: 1, selector: ([, meaning]) => Object.keys(meaning)[0] ?? meaning }),
        types,
        (packet, extensions, types) => {
          const meaning = Object.assign({}, ...extensions.map(([, meaning]) => meaning)) as Meaning;
          const headers = extensions.map(([header]) => header);
          const frame = ethernet(carries.ipv6, ipPacket(packet, undefined, headers));
          const expected = naiveHash(microsoftKey, types, { ...packet, extended: true, ...meaning });
          expect(find(frame, types)).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  const packet: NaivePacket = {
    source: ipv4('10.0.0.1'),
    destination: ipv4('10.0.0.2'),
    protocol: 6,
    sourcePort: 1000,
    destinationPort: 80,
  };
  const packet6: NaivePacket = { ...packet, source: ipv6('fd00::1'), destination: ipv6('fd00::2') };
  const [tcp4, ip4] = [find(packetFrame(packet), all), find(packetFrame(packet), 1)];
  const [tcp6, ip6] = [find(packetFrame(packet6), all), find(packetFrame(packet6), 1 << 3)];
  const none = { hash: 0, report: 0 };

  it.each([[[0x8100]], [[0x88a8, 0x8100]]])('does not depend on VLAN tags %j', (tags) => {
    expect(find(ethernet(carries.ipv4, ipPacket(packet), tags), all)).toEqual(tcp4);
    expect(find(ethernet(carries.ipv6, ipPacket(packet6), tags), all)).toEqual(tcp6);
  });

  it('sees through the options of IPv4', () => {
    expect(find(ethernet(carries.ipv4, ipPacket(packet, undefined, [], [1, 1, 1, 1, 1, 1, 1, 0])), all)).toEqual(tcp4);
  });

  it('is that of the addresses alone in every fragment, so that all of them meet', () => {
    expect(find(packetFrame({ ...packet, fragment: true }), all)).toEqual(ip4);
    for (const [offset, more] of [
      [0, true],
      [5, true],
      [5, false],
    ] as const) {
      const frame = ethernet(carries.ipv6, ipPacket(packet6, undefined, [fragmentHeader(offset, more)]));
      expect(find(frame, 0x3f)).toEqual(ip6);
    }
  });

  it('is that of the addresses alone where the header with the ports is cut', () => {
    for (const protocol of [6, 17]) {
      const bytes = packetFrame({ ...packet, protocol });
      expect(find(bytes, all).report).toBe(protocol === 6 ? 2 : 3);
      expect(find(bytes.slice(0, -1), all)).toEqual(ip4);
    }
  });

  it('is none where the IP header is cut or none at all', () => {
    for (const packets of [packet, packet6]) {
      const bytes = packetFrame(packets);
      const header = 14 + (packets === packet ? 20 : 40);
      expect(find(bytes.slice(0, header), all).report).not.toBe(0);
      for (let length = 14; length < header; length++) expect(find(bytes.slice(0, length), all)).toEqual(none);
    }
    expect(find(ethernet(carries.arp, ipPacket(packet)), all)).toEqual(none);
    expect(find(ethernet(carries.ipv6, ipPacket(packet)), all)).toEqual(none);
    expect(find(ethernet(carries.ipv4, ipPacket(packet6)), all)).toEqual(none);
    expect(find(ethernet(carries.ipv4, [0x44, ...ipPacket(packet).slice(1)]), all)).toEqual(none);
  });

  it('finds ports that lie deeper than the head of the frame', () => {
    const far = optionsHeader(0, [1, 254, ...new Array<number>(254).fill(0)]);
    const frame = ethernet(carries.ipv6, ipPacket(packet6, undefined, [far, far, far]));
    expect(find(frame, 0x3f)).toEqual(tcp6);
    expect(find([...frame, ...new Array<number>(60_000).fill(0)], 0x3f)).toEqual(tcp6);
    expect(find(frame, all).report).toBe(8);
  });

  it('ends a search that a packet of nothing but extension headers would make long', () => {
    const endless = Array.from({ length: 8000 }, (): Extension => [0, [0, 1, 4, 0, 0, 0, 0]]);
    expect(find(ethernet(carries.ipv6, ipPacket(packet6, undefined, endless)), all).report).toBe(7);
  });

  it('passes over extension headers that are cut or wrong', () => {
    const route: Extension = [43, [0, 2, 1, 0, 0, 0, 0]];
    expect(find(ethernet(carries.ipv6, ipPacket(packet6, undefined, [route])), all).report).toBe(8);
    const option: Extension = [60, [0, 0xc9, 16, 0, 0, 0, 0]];
    const frame = ethernet(carries.ipv6, ipPacket(packet6, undefined, [option]));
    expect(find(frame, all)).toEqual(naiveHash(microsoftKey, all, { ...packet6, extended: true }));
    expect(find(frame.slice(0, 60), all).report).toBe(7);
  });

  it('never fails, whatever the bytes', () => {
    const start = fc.constantFrom(
      ...[packet, packet6].flatMap((each) => [packetFrame(each), packetFrame({ ...each, protocol: 60 })]),
    );
    const anything = fc.tuple(start, fc.nat(60), fc.array(fc.nat(255), { maxLength: 300 }));
    fc.assert(
      fc.property(anything, types, ([start, keep, rest], types) => {
        const hash = new ReceiveHash();
        hash.configure(types, microsoftKey);
        hash.setTunnelTypes(0x1ff);
        hash.find(frameOf(Uint8Array.from([...start.slice(0, keep), ...rest])));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('the settings of a hash', () => {
  it('are refused for types that are not supported, keys that are too long, and types without a key', () => {
    const hash = new ReceiveHash();
    expect(hash.configure(0x200, microsoftKey)).toBe(false);
    expect(hash.configure(-1, microsoftKey)).toBe(false);
    expect(hash.configure(1, new Uint8Array(41))).toBe(false);
    expect(hash.configure(1, new Uint8Array(0))).toBe(false);
    expect(hash.setTunnelTypes(0x200)).toBe(false);
    expect(hash.save()).toEqual({ types: 0, key: [], tunnelTypes: 0 });
    expect(hash.configure(0, new Uint8Array(0))).toBe(true);
  });

  it('hold for a frame that was hashed by others before, or by older ones', () => {
    const packet = packetFrame({
      source: [1, 2, 3, 4],
      destination: [5, 6, 7, 8],
      protocol: 6,
      sourcePort: 1,
      destinationPort: 2,
    });
    const frame = new Frame().start(0).add(Uint8Array.from(packet), 0, packet.length);
    const [one, other] = [new ReceiveHash(), new ReceiveHash()];
    one.configure(all, microsoftKey);
    one.find(frame);
    const first = frame.hash;
    expect(frame.hashReport).toBe(2);
    other.find(frame);
    expect([frame.hash, frame.hashReport]).toEqual([0, 0]);
    one.find(frame);
    expect(frame.hash).toBe(first);
    one.configure(1, microsoftKey);
    one.find(frame);
    expect(frame.hashReport).toBe(1);
    one.reset();
    one.find(frame);
    expect(frame.hashReport).toBe(0);
  });

  it('come through a save', () => {
    const [saved, restored] = [new ReceiveHash(), new ReceiveHash()];
    saved.configure(0x15, microsoftKey);
    saved.setTunnelTypes(0x11);
    restored.restore(JSON.parse(JSON.stringify(saved.save())) as ReturnType<ReceiveHash['save']>);
    expect(restored.save()).toEqual({ types: 0x15, key: [...microsoftKey], tunnelTypes: 0x11 });
    const packet = packetFrame({
      source: [1, 2, 3, 4],
      destination: [5, 6, 7, 8],
      protocol: 17,
      sourcePort: 1,
      destinationPort: 2,
    });
    const [a, b] = [frameOf(Uint8Array.from(packet)), frameOf(Uint8Array.from(packet))];
    saved.find(a);
    restored.find(b);
    expect([b.hash, b.hashReport]).toEqual([a.hash, 3]);
  });
});
