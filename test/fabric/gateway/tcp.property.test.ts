import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Endpoint, pair, pattern } from './pair.js';

const chance = fc.constantFrom(0, 0.01, 0.05, 0.15);
const conditions = fc.record({
  delay: fc.constantFrom(0, 1, 30),
  jitter: fc.constantFrom(0, 1),
  loss: chance,
  duplicate: chance,
  reorder: chance,
  seed: fc.nat(10_000),
});

describe('TCP over a bad link', () => {
  it('carries both streams whole, in order and to their ends', () => {
    fc.assert(
      fc.property(
        conditions,
        fc.constantFrom(0, 1, 1000, 100_000),
        fc.constantFrom(0, 1, 1000, 60_000),
        fc.constantFrom(4096, 65_536),
        (link, forth, back, bufferBytes) => {
          const { delay } = link;
          const { clock, near, far } = pair(
            { ...link, jitter: Math.min(link.jitter, delay), reorder: delay && link.reorder },
            { bufferBytes },
          );
          const request = pattern(forth, 1);
          const response = pattern(back, 2);
          let server: Endpoint | undefined;
          far.listen(80, (connection) => (server = new Endpoint(connection, response)));
          let client!: Endpoint;
          near.connect('10.0.0.1', 80, (connection) => (client = new Endpoint(connection, request)));
          for (let i = 0; i < 4000 && !(client.over && server?.over); i++) clock.advance(1000);
          // With so much loss nobody may have been found, or have heard the call.
          if (link.loss > 0.05 && !server && client.failure) return;
          // Who has all and ended may be gone before the other end, by so much loss, has heard that: it is told then.
          const late = link.loss > 0.01 ? 'reset' : undefined;
          expect([undefined, late]).toContain(client.failure ?? server!.failure);
          expect(Buffer.compare(server!.bytes, request)).toBe(0);
          expect(Buffer.compare(client.bytes, response)).toBe(0);
          expect([client.ended, server!.ended, client.over, server!.over]).toEqual([true, true, true, true]);
          clock.advance(20_000);
          expect([near.counters().tcp.open, far.counters().tcp.open]).toEqual([0, 0]);
        },
      ),
      { numRuns: 100 },
    );
  });
});
