import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flowHash } from '../../src/net/link/flow.js';
import { flowFrame, plainFrame, reversed, type Flow } from '../support/frames.js';
import { frameOf } from '../support/wire.js';

const hash = (flow: Flow, payload?: number): number => flowHash(frameOf(flowFrame(flow, payload)));
const base: Flow = { source: 1, destination: 2, sourcePort: 1000, destinationPort: 80 };

const anyFlow: fc.Arbitrary<Flow> = fc.record({
  source: fc.nat(0xffff),
  destination: fc.nat(0xffff),
  sourcePort: fc.nat(0xffff),
  destinationPort: fc.nat(0xffff),
  protocol: fc.constantFrom(1, 6, 17, 47),
  version: fc.constantFrom<4 | 6>(4, 6),
  vlan: fc.option(fc.nat(4095), { nil: undefined }),
});

describe('the hash of a flow', () => {
  it('is the same in both directions, and whatever the frame carries', () => {
    fc.assert(
      fc.property(anyFlow, fc.nat(200), (flow, payload) => {
        expect(hash(flow, payload)).toBe(hash(reversed(flow)));
      }),
    );
  });

  it.each([4, 6] as const)('differs with addresses, ports and protocol of IPv%i', (version) => {
    const flow = { ...base, version };
    const others: Partial<Flow>[] = [
      { source: 3 },
      { destination: 9 },
      { sourcePort: 1001 },
      { destinationPort: 81 },
      { protocol: 17 },
    ];
    const hashes = [flow, ...others.map((change) => ({ ...flow, ...change }))].map((other) => hash(other));
    expect(new Set(hashes).size).toBe(6);
  });

  it('does not look at ports where there are none: other protocols and fragments', () => {
    for (const change of [{ protocol: 47 }, { fragment: 0x2000 }, { fragment: 100 }]) {
      expect(hash({ ...base, ...change, sourcePort: 1 })).toBe(hash({ ...base, ...change, sourcePort: 2 }));
    }
  });

  it('does not depend on the VLAN', () => {
    expect(hash({ ...base, vlan: 5 })).toBe(hash(base));
  });

  it('is 0 for what is no IP, and for what is too short', () => {
    expect(flowHash(frameOf(plainFrame(60)))).toBe(0);
    for (const version of [4, 6] as const) {
      const whole = flowFrame({ ...base, version });
      for (let length = 0; length < (version === 4 ? 34 : 54); length++) {
        expect(flowHash(frameOf(whole.subarray(0, length)))).toBe(0);
      }
    }
  });

  it('is some number of 32 bits for any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0x0800, 0x86dd, 0x8100, 0x88a8), (bytes, type) => {
        if (bytes.length >= 14) bytes.set([type >> 8, type & 255], 12);
        const value = flowHash(frameOf(bytes));
        expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true);
      }),
    );
  });
});
