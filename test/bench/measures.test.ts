import { describe, expect, it } from 'vitest';

import { framesLost, type Link, type Machine } from '../../tools/bench/guests/machine.js';
import { readPings } from '../../tools/bench/guests/ping.js';
import { readDrops } from '../../tools/bench/guests/qemuPeers.js';
import { placesOf } from '../../tools/bench/guests/tables.js';
import { readIperf } from '../../tools/bench/guests/transfer.js';

describe('what the guests answer', () => {
  it('a transfer: what the server received', () => {
    const end = {
      sum_sent: { bits_per_second: 9e6 },
      sum_received: { bits_per_second: 8.5e6, bytes: 5e6 },
    };
    expect(readIperf(JSON.stringify({ start: {}, intervals: [], end }))).toEqual({
      megabits: 8.5,
      received: 5e6,
    });
  });

  it('a transfer that failed', () => {
    const text = '{ "start": {}, "end": {}, "error": "unable to connect to server" }';
    expect(() => readIperf(text)).toThrow('iperf3 failed: unable to connect to server');
    expect(() => readIperf('sh: iperf3: not found')).toThrow('iperf3 answered no JSON:\nsh: iperf3: not found');
  });

  it('pings', () => {
    const text = `PING 10.0.0.2 (10.0.0.2): 56 data bytes
64 bytes from 10.0.0.2: seq=0 ttl=64 time=12.345 ms
64 bytes from 10.0.0.2: seq=1 ttl=64 time=1.5 ms

--- 10.0.0.2 ping statistics ---
2 packets transmitted, 2 packets received, 0% packet loss
round-trip min/avg/max = 1.500/6.922/12.345 ms
`;
    expect(readPings(text)).toEqual([12.345, 1.5]);
  });

  it('drops of the interfaces of a network', () => {
    const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    9    0     0          0         0        0       0    0    9    0     0       0          0
 card0: 1234567    1000    0    1    0     0          0         0  7654321     900    0    2    0     0       0          0
 card1:      10       1    0    4    0     0          0         0       20       2    0    8    0     0       0          0
`;
    expect(readDrops(text, ['card0', 'card1'])).toBe(15);
  });

  it('frames that were sent and not received, in both directions', async () => {
    const machine = (rx: number, tx: number) =>
      ({
        run: (command: string) =>
          Promise.resolve({ status: 0, output: `${command.includes('/eth0/statistics/rx_packets') ? rx : tx}\n` }),
      }) as unknown as Machine;
    const [client, server] = [machine(90, 1000), machine(993, 92)];
    const interfaces = [client, server].map((end) => ({ machine: end, name: 'eth0' }));
    const link: Link = { client, address: '10.0.0.2', interfaces };
    expect(await framesLost(link)).toBe(1000 - 993 + (92 - 90));
  });
});

describe('the places of a table', () => {
  const axes = { bytes: [64, 256, 1024], queues: [1, 4] };

  it('are all combinations, or only the corners', () => {
    expect(placesOf(axes, false)).toEqual(
      [1, 4].flatMap((queues) => [64, 256, 1024].map((bytes) => ({ bytes, queues }))),
    );
    expect(placesOf(axes, true)).toEqual([1, 4].flatMap((queues) => [64, 1024].map((bytes) => ({ bytes, queues }))));
    expect(placesOf({ queues: [1] }, true)).toEqual([{ queues: 1 }]);
  });
});
