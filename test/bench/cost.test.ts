import { describe, expect, it } from 'vitest';

import { readInterrupts, threadSamples } from '../../tools/bench/guests/cost.js';
import { layerOf, type Place } from '../../tools/bench/guests/layers.js';
import { readArrivals, readPktgen } from '../../tools/bench/guests/pktgen.js';
import { byLayer, type ThreadUse } from '../../tools/bench/guests/probe.js';
import { readResent } from '../../tools/bench/guests/resent.js';
import { readWrk } from '../../tools/bench/guests/web.js';

describe('what the guests answer', () => {
  it('interrupts of cards with vectors of their own, and of one that shares a line', () => {
    const text = `           CPU0
  1:          9   IO-APIC   1-edge      i8042
 10:       1234   IO-APIC  10-fasteoi   virtio0
 24:          1   PCI-MSI 81920-edge      virtio1-config
 25:         20   PCI-MSI 81921-edge      virtio1-input.0
 26:        300   PCI-MSI 81922-edge      virtio1-output.0
LOC:       5000   Local timer interrupts
`;
    expect(readInterrupts(text)).toBe(1234 + 1 + 20 + 300);
  });

  it('pktgen: packets sent, and the rate', () => {
    const text = `Params: count 0  min_pkt_size: 60  max_pkt_size: 60
Current:
     pkts-sofar: 123456  errors: 0
Result: OK: 2000123(c1990000+d10123) usec, 123456 (60byte,0frags)
  61724pps 29Mb/sec (29627520bps) errors: 0
`;
    expect(readPktgen(text)).toBe(61724);
    expect(() => readPktgen('Result: Idle')).toThrow('pktgen failed:\nResult: Idle');
  });

  it('what came: packets and uptime, twice', () => {
    expect(readArrivals('1000\n100.50 90.00\n6000\n102.50 91.00\n')).toBe(2500);
  });

  it('wrk: transactions, and their rate', () => {
    const text = `Running 2s test @ http://10.0.0.2/one
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.06ms    1.02ms  12.00ms   80.00%
  2610 requests in 2.01s, 600.00KB read
Requests/sec:   1298.51
Transfer/sec:    298.51KB
`;
    expect(readWrk(text)).toEqual({ transactions: 2610, perSecond: 1298.51 });
    const broken = `${text}  Socket errors: connect 0, read 3, write 0, timeout 0\n`;
    expect(() => readWrk(broken)).toThrow('wrk failed: Socket errors: connect 0, read 3, write 0, timeout 0');
    expect(() => readWrk('unable to connect')).toThrow('wrk failed: unable to connect');
  });

  it('segments that were sent again', () => {
    const text = `Ip: Forwarding DefaultTTL
Ip: 2 64
Tcp: RtoAlgorithm ActiveOpens RetransSegs InErrs
Tcp: 1 20 7 3
`;
    expect(readResent(text)).toBe(7);
  });
});

describe('a profile', () => {
  const bundle = [
    'import x',
    '// src/net/transmit.ts',
    'function send() {',
    '}',
    '// src/fabric/lane.ts',
    'class Lane {}',
    '// src/fabric/shared/node.ts',
    'poll() {}',
    'wait() {}',
  ];
  const ours = 'file:///project/dist/bench/guests.worker.js';
  const place = (functionName: string, url = '', lineNumber = -1): Place => ({ functionName, url, lineNumber });

  it.each([
    [place('(idle)'), undefined],
    [place('(garbage collector)'), 'garbage collector'],
    [place('(program)'), 'native'],
    [place('wasm-function[7]', 'wasm://wasm/1234'), 'guest'],
    [place('main_loop', 'file:///project/node_modules/v86/build/libv86.mjs', 3), 'v86'],
    [place('table', 'file:///project/node_modules/cli-table3/index.js', 3), 'libraries'],
    [place('fill'), 'native'],
    [place('processTimers', 'node:internal/timers', 500), 'node'],
    [place('send', ours, 2), 'net'],
    [place('Lane', ours, 5), 'fabric'],
    [place('poll', ours, 7), 'fabric'],
    [place('wait', ours, 8), undefined],
    [place('before', ours, 0), 'benchmark'],
  ])('%j is of %s', (where, layer) => {
    expect(layerOf(where, () => bundle)).toBe(layer);
  });

  it('is added up by layer, without idle time', () => {
    const callFrame = (at: Place) => ({ ...at, scriptId: '1', columnNumber: 0 });
    const profile = {
      nodes: [
        { id: 1, callFrame: callFrame(place('(idle)')) },
        { id: 2, callFrame: callFrame(place('send', ours, 2)) },
        { id: 3, callFrame: callFrame(place('wasm-function[7]', 'wasm://wasm/1234')) },
      ],
      startTime: 0,
      endTime: 1000,
      samples: [1, 2, 3, 2],
      timeDeltas: [500, 10, 90, 20],
    };
    expect(byLayer(profile, () => bundle)).toEqual({ net: 30, guest: 90 });
  });

  it('becomes shares of busy time, and collections for a million frames', () => {
    const threads: ThreadUse[] = [
      { microseconds: { net: 30, guest: 60 }, collections: 2, collectionTime: 3 },
      { microseconds: { fabric: 10, other: 100 }, collections: 1, collectionTime: 1 },
    ];
    const value = (measure: string, part?: string): number | undefined =>
      threadSamples('tcp', threads, 1000).find((one) => one.measure === `tcp-${measure}` && one.part === part)?.value;
    expect(value('share', 'net')).toBe(15);
    expect(value('share', 'guest')).toBe(30);
    expect(value('share', 'ours')).toBe(20);
    expect(value('share', 'pci')).toBe(0);
    expect(value('collections')).toBe(3000);
    expect(value('collection-time')).toBe(4000);
    expect(threadSamples('tcp', [], 1000)).toEqual([]);
  });
});
