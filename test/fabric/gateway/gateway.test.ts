import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Gateway, PortError } from '../../../src/fabric/index.js';
import { ManualClock } from '../../../src/virtio/clock.js';
import {
  arpFrame,
  checksum,
  everybody,
  gatewayIp,
  gatewayMac,
  ipFrame,
  Station,
  stationIp,
  stationMac,
  tcpFrame,
  udpFrame,
} from './station.js';

const ip = (frame: number[]): number[] => frame.slice(14);
const payloadOf = (frame: number[]): number[] => frame.slice(34);
const word = (bytes: number[], at: number): number => 256 * bytes[at] + bytes[at + 1];
const counting = (length: number): number[] => Array.from({ length }, (_, i) => i & 255);
const echo = (payload: number[], type = 8): number[] => {
  const rest = [0, 1, 0, 2, ...payload];
  return [type, 0, ...checksum([type, 0, 0, 0, ...rest]), ...rest];
};

/** A message of 2999 bytes, the answer to it, and fragments of it. */
const large = echo(counting(2991));
const answered = echo(counting(2991), 0);
const part = (from: number, to: number, message = large): number[] =>
  ipFrame(1, message.slice(from, to), { fragment: (to < message.length ? 0x2000 : 0) | (from / 8) });
const [start, middle, end] = [part(0, 1480), part(1480, 2960), part(2960, large.length)];

describe('a gateway', () => {
  it.each([
    [{ address: '10.0.0.254' }, "'10.0.0.254' is no address with a prefix from 8 to 30"],
    [{ address: '10.0.0.256/24' }, 'is no address with a prefix'],
    [{ address: '10.0.0.255/24' }, '10.0.0.255 is no address of a host in its network.'],
    [{ mac: '01:00:00:00:00:00' }, 'is no Ethernet address of a station'],
    [{ mtu: 100 }, 'mtu is 100; it must be a whole number from 576 to 65535.'],
    [{ hosts: [{ address: '10.0.1.1' }] }, "'10.0.1.1' is no address of a host in the gateway's network."],
    [{ hosts: [{ address: '10.0.0.254' }] }, '10.0.0.254 belongs to two stations'],
    [{ hosts: [{ address: '10.0.0.1', names: ['a.b'] }] }, "'a.b' is no name of letters, digits and hyphens."],
    [{ domain: '' }, "'' is no domain"],
  ])('refuses %j', (options, message) => {
    const make = (): Gateway => new Gateway({ clock: new ManualClock(), address: '10.0.0.254/24', ...options });
    expect(make).toThrow(PortError);
    expect(make).toThrow(message);
  });

  it('answers who asks for its Ethernet address, and nobody else', () => {
    const station = new Station();
    const [answer] = station.say(arpFrame(1, gatewayIp));
    expect(answer.slice(0, 14)).toEqual([...stationMac, ...gatewayMac, 8, 6]);
    expect(answer.slice(20, 42)).toEqual([0, 2, ...gatewayMac, ...gatewayIp, ...stationMac, ...stationIp]);
    expect(station.say(arpFrame(1, [10, 0, 0, 7]))).toEqual([]);
  });

  it('answers echo requests, and leaves the rest of ICMP', () => {
    const station = new Station();
    const data = counting(1400);
    const [answer] = station.say(ipFrame(1, echo(data)));
    expect(answer.slice(0, 12)).toEqual([...stationMac, ...gatewayMac]);
    expect(checksum(ip(answer).slice(0, 20))).toEqual([0, 0]);
    expect(ip(answer).slice(12, 20)).toEqual([...gatewayIp, ...stationIp]);
    expect(payloadOf(answer)).toEqual(echo(data, 0));
    expect(station.say(ipFrame(1, echo([], 0)))).toEqual([]);
    expect(station.gateway.counters()).toMatchObject({ echoes: 1, dropped: { protocol: 1 } });
  });

  it.each([
    { mtu: 1500, length: 1480, fragments: [1480] },
    { mtu: 1500, length: 4000, fragments: [1480, 1480, 1040] },
    // The MTU leaves 983 bytes, and what is not the last ends on a multiple of 8.
    { mtu: 1003, length: 983, fragments: [983] },
    { mtu: 1003, length: 984, fragments: [976, 8] },
    { mtu: 65_535, length: 60_000, fragments: [60_000] },
  ])('answers an echo request of $length bytes in packets of at most $mtu', ({ mtu, length, fragments }) => {
    const station = new Station({ mtu });
    const request = counting(length - 8);
    for (const id of [1, 2]) {
      const answers = station.say(ipFrame(1, echo(request), { id }));
      expect(answers.map((frame) => frame.length - 34)).toEqual(fragments);
      const headers = answers.map((frame) => ip(frame).slice(0, 20));
      expect(headers.map((header) => checksum(header))).toEqual(fragments.map(() => [0, 0]));
      expect(headers.map((header) => word(header, 2) - 20)).toEqual(fragments);
      expect(headers.map((header) => word(header, 4))).toEqual(fragments.map(() => id - 1));
      // Where each begins, in units of 8 bytes, and that more are to come.
      const places = fragments.map((_, i) => (i * fragments[0]) / 8 + (i < fragments.length - 1 ? 0x2000 : 0));
      expect(headers.map((header) => word(header, 6))).toEqual(places);
      expect(answers.flatMap(payloadOf)).toEqual(echo(request, 0));
    }
    const { echoes, outFrames, dropped } = station.gateway.counters();
    expect({ echoes, outFrames, dropped }).toEqual({ echoes: 2, outFrames: 2 * fragments.length, dropped: {} });
  });

  it('puts fragments together, in any order, as long as they come in time', () => {
    const station = new Station();
    const parts = [middle, end, start];
    expect(parts.flatMap((part) => station.say(part)).flatMap(payloadOf)).toEqual(answered);
    expect(station.gateway.counters().dropped).toEqual({});
    station.say(end);
    station.say(end);
    station.clock.advance(15_000);
    expect(station.gateway.counters().dropped).toEqual({});
    station.clock.advance(1);
    expect(station.gateway.counters().dropped).toEqual({ fragment: 2 });
    station.say(middle);
    expect(station.say(start)).toEqual([]);
    station.clock.advance(15_001);
    expect(station.say(start)).toEqual([]);
    expect(station.gateway.counters().dropped).toEqual({ fragment: 4 });
  });

  it('counts the fragments of a packet that makes way for others', () => {
    const station = new Station();
    for (const piece of [middle, end]) station.say(piece);
    for (let id = 100; id < 116; id++) station.say(ipFrame(1, large.slice(0, 8), { fragment: 0x2000, id }));
    expect(station.gateway.counters().dropped).toEqual({ fragment: 2 });
  });

  it('takes fragments that come twice, also in other pieces', () => {
    const station = new Station();
    const parts = [middle, middle, part(1488, 1496), end, end, part(2968, large.length), start];
    expect(parts.flatMap((piece) => station.say(piece)).flatMap(payloadOf)).toEqual(answered);
    expect(station.gateway.counters().dropped).toEqual({});
  });

  it.each([
    ['has other bytes', part(1480, 2960, [...large.slice(0, 2000), 77, ...large.slice(2001)])],
    ['has some bytes more behind them', part(1488, 2968)],
    ['has some bytes more before them', part(1472, 2960)],
    ['says that nothing comes behind them', part(1480, 2960, large.slice(0, 2960))],
  ])('drops a packet with a fragment that overlaps another and %s', (_, overlapping) => {
    const station = new Station();
    expect([middle, overlapping, end, start].flatMap((piece) => station.say(piece))).toEqual([]);
    expect(station.gateway.counters().dropped).toEqual({ fragment: 2 });
    // What came behind them waits in vain.
    station.clock.advance(20_000);
    expect(station.gateway.counters().dropped).toEqual({ fragment: 4 });
  });

  it('tells who sends elsewhere, or to a port that nobody has, that it leads nowhere', () => {
    const station = new Station();
    const elsewhere = udpFrame(53, [1, 2, 3], { to: [192, 0, 2, 1] });
    const [answer] = station.say(elsewhere);
    expect(payloadOf(answer).slice(0, 2)).toEqual([3, 0]);
    expect(checksum(payloadOf(answer))).toEqual([0, 0]);
    expect(payloadOf(answer).slice(8)).toEqual(ip(elsewhere).slice(0, 28));
    expect(payloadOf(station.say(udpFrame(9, [1]))[0]).slice(0, 2)).toEqual([3, 3]);
    expect(payloadOf(station.say(ipFrame(99, [1]))[0]).slice(0, 2)).toEqual([3, 2]);
    // Not to those of all, nor to messages of the same kind.
    expect(station.say(udpFrame(9, [1], { to: [10, 0, 0, 255], mac: everybody }))).toEqual([]);
    expect(station.say(ipFrame(1, [3, 0, 252, 255, 0, 0, 0, 0], { to: [192, 0, 2, 1] }))).toEqual([]);
  });

  it('answers a connection to a port that nobody has with a reset, and a reset with nothing', () => {
    const station = new Station();
    const [answer] = station.say(tcpFrame(80, 2, 1000)).map(payloadOf);
    expect(answer.slice(0, 14)).toEqual([0, 80, 15, 160, 0, 0, 0, 0, 0, 0, 3, 233, 0x50, 0x14]);
    expect(station.say(tcpFrame(80, 4, 1000))).toEqual([]);
    expect(
      station
        .say(tcpFrame(80, 16, 1000, 77))
        .map(payloadOf)[0]
        .slice(4, 14),
    ).toEqual([...[0, 0, 0, 77, 0, 0, 0, 0, 0x50, 4]]);
  });

  it('says why it dropped a frame, and what was for others', () => {
    const station = new Station();
    const wrongSum = udpFrame(53, [1, 2, 3]);
    wrongSum[wrongSum.length - 1] ^= 1;
    const wrongHeader = ipFrame(1, echo([]));
    wrongHeader[24] ^= 1;
    station.say(wrongSum);
    station.say(wrongHeader);
    station.say(ipFrame(1, echo([])).slice(0, 30));
    station.say([...gatewayMac, ...stationMac, 0x86, 0xdd, 0x60]);
    station.say([...gatewayMac, ...stationMac, 0x81, 0, 0, 1, 8, 0, 0x45]);
    station.say(udpFrame(53, [], { from: [192, 0, 2, 1] }));
    station.say(udpFrame(53, [], { mac: [2, 0, 0, 0, 0, 9] }));
    station.say(udpFrame(53, [], { mac: [0x33, 0x33, 0, 0, 0, 1] }));
    expect(station.gateway.counters()).toMatchObject({
      dropped: { checksum: 2, malformed: 1, protocol: 1, otherNetwork: 1, unreachable: 1 },
      filtered: { unicast: 1, multicast: 1 },
    });
  });

  it('drops what it says once and the switch has no room for, and counts that', () => {
    const station = new Station();
    station.full = true;
    for (let i = 0; i < 3; i++) station.say(ipFrame(1, echo([])));
    // One waits in the switch.
    expect(station.gateway.counters()).toMatchObject({ toldFull: 2, dropped: { backlogFull: 2 }, outFrames: 1 });
  });

  it('throws at no frame, whatever is in it', () => {
    const station = new Station();
    const frames = fc.constantFrom(
      ipFrame(1, echo([1, 2, 3])),
      udpFrame(53, [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 1, 0, 1]),
      udpFrame(67, [1, 1, 6, 0, ...new Array<number>(232).fill(0), 99, 130, 83, 99, 53, 1, 1, 55, 2, 1, 3, 255]),
      tcpFrame(80, 2, 1000),
      tcpFrame(80, 16, 1001, 1),
      arpFrame(1, gatewayIp),
    );
    station.gateway.listen(80, () => undefined);
    const change = fc.tuple(fc.nat(400), fc.nat(255));
    fc.assert(
      fc.property(
        frames,
        fc.array(change, { maxLength: 6 }),
        fc.nat(420),
        fc.boolean(),
        (frame, changes, length, mend) => {
          const bytes = frame.slice(0, length);
          for (const [at, value] of changes) if (at >= 14 && at < bytes.length) bytes[at] = value;
          // With checksums that hold, more than the first look is taken at it.
          if (mend && bytes.length > 34)
            bytes.splice(24, 2, ...checksum([...bytes.slice(14, 24), 0, 0, ...bytes.slice(26, 34)]));
          station.tell(bytes);
        },
      ),
      { numRuns: 2000 },
    );
    expect(station.say(ipFrame(1, echo([])))).toHaveLength(1);
    station.gateway.close();
  });
});
