import fc from 'fast-check';
import { expect, it } from 'vitest';
import { gsoType } from '../../src/net/link/frame.js';
import { Segments } from '../../src/net/link/segments.js';
import { wireLength } from '../../src/net/link/transport.js';
import { buildPacket, packetFrame } from '../support/packets.js';

it('a frame is as long on a wire as its longest segment', () => {
  const packets = fc.record({
    version: fc.constantFrom(4 as const, 6 as const),
    vlans: fc.array(fc.constantFrom(0x8100, 0x88a8), { maxLength: 2 }),
    kind: fc.constantFrom('none', 'tcp', 'udpL4', 'udp'),
    payload: fc.nat(4000).map((length) => new Uint8Array(length)),
    tcpOptions: fc.constantFrom(0, 12).map((length) => new Uint8Array(length)),
    gsoSize: fc.integer({ min: 1, max: 300 }).map((units) => 8 * units),
  });
  const segments = new Segments();
  fc.assert(
    fc.property(packets, ({ kind, gsoSize, ...packet }) => {
      const tcp = packet.version === 4 ? gsoType.tcp4 : gsoType.tcp6;
      const gso = { none: gsoType.none, tcp, udpL4: gsoType.udpL4, udp: gsoType.udp }[kind];
      const transport = kind.startsWith('udp') ? 'udp' : 'tcp';
      const frame = packetFrame(buildPacket({ ...packet, transport }), { gso, gsoSize });
      expect(segments.start(frame, 0)).toBe(true);
      expect(segments.next()!.length).toBe(wireLength(frame));
    }),
  );
});
