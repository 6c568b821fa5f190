import { describe, expect, it } from 'vitest';
import type { GatewayOptions, TcpConnection } from '../../../src/fabric/index.js';
import { Endpoint, pair, pattern } from './pair.js';
import { arpFrame, gatewayIp, gatewayMac, Station, tcpFrame, type SegmentOptions } from './station.js';
import { noProperties } from '../../support/noProperties.js';

/** A connection between two gateways, each end of which sends this. */
function connected(forth: Uint8Array, back: Uint8Array, ...given: Parameters<typeof pair>) {
  const two = pair(...given);
  let server!: Endpoint;
  let client!: Endpoint;
  two.far.listen(80, (connection) => (server = new Endpoint(connection, back)));
  two.near.connect('10.0.0.1', 80, (connection) => (client = new Endpoint(connection, forth)));
  return {
    ...two,
    client,
    get server() {
      return server;
    },
  };
}

const nothing = new Uint8Array(0);

/** What is to become of a connection that there is from now on. */
type Prepare = (connection: TcpConnection) => void;

describe('TCP', () => {
  it('passes large segments whole where the way is good', () => {
    const bytes = pattern(1 << 20);
    const { client, server, near, clock } = connected(bytes, nothing);
    clock.advance(1);
    expect(Buffer.compare(server.bytes, bytes)).toBe(0);
    expect([client.over, server.over, client.failure]).toEqual([true, true, undefined]);
    const { outFrames, tcp } = near.counters();
    expect(outFrames).toBeLessThan((1 << 20) / 1460 / 10);
    expect(tcp).toMatchObject({ retransmissions: 0, failed: noProperties, dialled: 1 });
  });

  it('cuts them for a link that carries small packets only', () => {
    const bytes = pattern(300_000);
    const two = connected(bytes, nothing, { mtu: 1500, rate: 1e8 });
    two.clock.advance(5000);
    expect(Buffer.compare(two.server.bytes, bytes)).toBe(0);
    expect(two.link.counters().toCard.flatMap(({ dropped }) => Object.keys(dropped))).toEqual([]);
  });

  it('holds up a sender whose receiver does not read, for as long as that lasts', async () => {
    const { clock, near, far } = pair({ delay: 5 }, { bufferBytes: 8192 });
    const bytes = pattern(100_000);
    let server!: Endpoint;
    far.listen(80, (connection) => {
      server = new Endpoint(connection, nothing);
      server.appetite = 0;
    });
    let client!: Endpoint;
    near.connect('10.0.0.1', 80, (connection) => (client = new Endpoint(connection, bytes)));
    clock.advance(2000);
    expect(client.connection.sentBytes).toBeLessThanOrEqual(2 * 8192);
    const before = near.counters().outFrames;
    // Probes come more and more seldom, and nobody gives up.
    clock.advance(1_000_000);
    const probes = near.counters().outFrames - before;
    expect(probes).toBeGreaterThan(10);
    expect(probes).toBeLessThan(100);
    expect(client.failure).toBeUndefined();
    server.appetite = 1000;
    for (let i = 0; i < 1000 && !server.ended; i++) {
      server.pull();
      await Promise.resolve();
      clock.advance(100);
    }
    expect(Buffer.compare(server.bytes, bytes)).toBe(0);
  });

  it('goes on with one stream when the other has ended', async () => {
    const { clock, near, far } = pair();
    let server!: TcpConnection;
    let request = '';
    far.listen(80, (connection) => {
      server = connection;
      server.handler = { readable: () => (request += Buffer.from(server.read() ?? nothing).toString()) };
    });
    let client!: Endpoint;
    near.connect('10.0.0.1', 80, (connection) => (client = new Endpoint(connection, Buffer.from('request'))));
    clock.advance(1000);
    expect([request, server.ended, client.ended, client.over]).toEqual(['request', true, false, false]);
    server.write(Buffer.from('response'));
    server.end();
    await Promise.resolve();
    clock.advance(1000);
    expect([Buffer.from(client.bytes).toString(), client.ended, client.over]).toEqual(['response', true, true]);
  });

  it('tells that nobody serves a port, or is at an address, or answers', () => {
    const { clock, near, far } = pair();
    const failures: (string | undefined)[] = [];
    const call = (address: string, port: number): unknown =>
      near.connect(
        address,
        port,
        (connection) => (connection.handler = { closed: (failure) => failures.push(failure) }),
      );
    call('10.0.0.1', 81);
    expect(failures).toEqual(['refused']);
    call('10.0.0.9', 80);
    clock.advance(3000);
    expect(failures).toEqual(['refused', 'unreachable']);
    far.send = () => 1;
    call('10.0.0.1', 80);
    clock.advance(40_000);
    expect(failures[2]).toBe('timedOut');
    expect(near.counters().tcp).toMatchObject({ open: 0, failed: { refused: 1, unreachable: 1, timedOut: 1 } });
  });

  it('tells the other end of an abort, and gives up where nobody answers any more', async () => {
    const { client, server, clock } = connected(pattern(10), pattern(10));
    expect(client.over && server.over).toBe(true);
    const other = pair();
    let far!: Endpoint;
    let near!: TcpConnection;
    other.far.listen(80, (connection) => (far = new Endpoint(connection, pattern(1 << 20))));
    other.near.connect('10.0.0.1', 80, (connection) => (near = connection));
    clock.advance(10);
    near.abort();
    await Promise.resolve();
    expect([far.over, far.failure]).toEqual([true, 'reset']);
    const third = connected(pattern(1 << 20), nothing, { delay: 10 });
    third.clock.advance(30);
    third.far.send = () => 1;
    third.clock.advance(300_000);
    expect(third.client.failure).toBe('timedOut');
  });

  it('tells who uses a connection that it was given up, once, and not while it is', async () => {
    const { near, far } = pair();
    const told: (string | undefined)[] = [];
    far.listen(80, () => undefined);
    const open = (): TcpConnection | undefined =>
      near.connect('10.0.0.1', 80, (connection) => (connection.handler = { closed: (failure) => told.push(failure) }));
    const first = open();
    first?.abort();
    first?.abort();
    expect(told).toEqual([]);
    await Promise.resolve();
    expect(told).toEqual(['aborted']);
    open();
    near.close();
    await Promise.resolve();
    expect(told).toEqual(['aborted', 'aborted']);
    expect(near.counters().tcp).toMatchObject({ open: 0, failed: { aborted: 2 } });
  });

  it('ends a stream that was ended before the other end had answered', () => {
    const { clock, near, far } = pair({ delay: 10 });
    let server!: Endpoint;
    far.listen(80, (connection) => (server = new Endpoint(connection, Buffer.from('response'))));
    let response = '';
    let failure: string | undefined = 'not closed';
    const client = near.connect('10.0.0.1', 80, (connection) => {
      connection.handler = {
        readable: () => (response += Buffer.from(connection.read() ?? nothing).toString()),
        closed: (reason) => (failure = reason),
      };
    });
    client?.end();
    clock.advance(1000);
    expect([server.ended, server.over, server.failure]).toEqual([true, true, undefined]);
    expect([response, client?.ended, failure]).toEqual(['response', true, undefined]);
  });

  it('has as many connections as it may have, and forgets those that are over', async () => {
    const { near, far, clock } = pair({}, { connections: 2 });
    far.listen(80, () => undefined);
    const open = (): TcpConnection | undefined => near.connect('10.0.0.1', 80, () => undefined);
    const [first] = [open(), open()];
    expect(open()).toBeUndefined();
    first!.abort();
    await Promise.resolve();
    expect(open()).toBeDefined();
    expect([near.counters().tcp.open, far.counters().tcp.open]).toEqual([2, 2]);
    near.close();
    await Promise.resolve();
    clock.advance(100_000);
    expect([near.counters().tcp.open, far.counters().tcp.open]).toEqual([0, 0]);
  });

  it('takes no byte twice, and none beyond its window', () => {
    const two = connected(pattern(50_000), pattern(50_000), {
      ...{ delay: 20, duplicate: 0.5, reorder: 0.3, seed: 3 },
    });
    two.clock.advance(60_000);
    expect([two.client.bytes.length, two.server.bytes.length]).toEqual([50_000, 50_000]);
  });

  /** A station whose SYN the gateway has answered, and the number that acknowledges the answer. */
  function calling(prepare: Prepare, options: Partial<GatewayOptions> = {}, syn?: SegmentOptions) {
    const station = new Station(options);
    station.gateway.listen(80, prepare);
    station.say(arpFrame(1, gatewayIp, gatewayMac));
    const [answer] = station.say(tcpFrame(80, 2, 1000, 0, [], syn));
    return { station, next: (Buffer.from(answer).readUInt32BE(38) + 1) >>> 0 };
  }

  /** A station that the gateway calls, and the port and the sequence number of the SYN. */
  function called(prepare: Prepare) {
    const station = new Station();
    station.say(arpFrame(1, gatewayIp, gatewayMac));
    station.received = [];
    station.gateway.connect('10.0.0.1', 4000, prepare);
    const call = Buffer.from(station.received[0]);
    return { station, port: call.readUInt16BE(34), initial: call.readUInt32BE(38) };
  }

  /** What a connection's handler is told of its beginning and its end. */
  function teller(): { told: unknown[]; prepare: Prepare } {
    const told: unknown[] = [];
    const prepare: Prepare = (connection) => {
      connection.handler = { connected: () => told.push('connected'), closed: (failure) => told.push(failure) };
    };
    return { told, prepare };
  }

  it('answers data once, and acknowledgements not at all, where the station scales no windows', async () => {
    const { station, next } = calling((connection) => {
      connection.handler = { readable: () => connection.read() };
    });
    const payload = Array.from(pattern(100));
    for (let sequence = 1001; sequence < 1501; sequence += 100) {
      expect(station.say(tcpFrame(80, 16, sequence, next))).toEqual([]);
      expect(station.say(tcpFrame(80, 16, sequence, next, payload))).toHaveLength(1);
      await Promise.resolve();
      expect(station.received).toHaveLength(1);
      const told = Buffer.from(station.received[0]);
      expect([told.readUInt32BE(42), told.readUInt16BE(48)]).toEqual([sequence + 100, 0xffff]);
    }
  });

  describe('takes a window of 1000 of a station that scales them by 5', () => {
    const window = 1000;
    const syn = { window, options: [3, 3, 5, 0] };
    const send = (connection: TcpConnection): void => {
      new Endpoint(connection, pattern(20_000));
    };
    /** Bytes of the stream in what the station got since it spoke last. */
    const carried = (station: Station): number =>
      station.received.reduce((sum, frame) => sum + Buffer.from(frame).readUInt16BE(16) - 40, 0);

    it('as scaled where it ends the handshake', async () => {
      const { station, next } = calling(send, {}, syn);
      station.say(tcpFrame(80, 16, 1001, next, [], { window }));
      await Promise.resolve();
      expect(carried(station)).toBe(10 * 536); // the first congestion window
    });

    it('as it stands in an answer to a SYN, until there is another (RFC 7323, 2.2)', async () => {
      const { station, port, initial } = called(send);
      const next = (initial + 1) >>> 0;
      station.say(tcpFrame(port, 18, 7000, next, [], syn));
      await Promise.resolve();
      expect(carried(station)).toBe(536); // no second whole segment
      station.say(tcpFrame(port, 16, 7001, next + 536, [], { window }));
      await Promise.resolve();
      expect(carried(station)).toBeGreaterThan(1000);
    });
  });

  it('tells a station that scales no windows of the room that reading made', async () => {
    let connection!: TcpConnection;
    const { station, next } = calling((accepted) => (connection = accepted), { bufferBytes: 1 << 17 });
    const payload = Array.from(pattern(1 << 14));
    const windows: number[] = [];
    for (let sequence = 1001; windows.length < 8; sequence += payload.length) {
      const [told] = station.say(tcpFrame(80, 16, sequence, next, payload));
      windows.push(Buffer.from(told).readUInt16BE(48));
    }
    expect(windows).toEqual([0xffff, 0xffff, 0xffff, 0xffff, 3 << 14, 2 << 14, 1 << 14, 0]);
    station.received = [];
    connection.read(1 << 14);
    await Promise.resolve();
    expect(station.received.map((frame) => Buffer.from(frame).readUInt16BE(48))).toEqual([1 << 14]);
    connection.read();
    await Promise.resolve();
    expect(station.received.slice(1).map((frame) => Buffer.from(frame).readUInt16BE(48))).toEqual([0xffff]);
  });

  it('is there once where both ends call at the same time (RFC 9293, 3.5)', () => {
    const [syn, ack] = [2, 16];
    const { told, prepare } = teller();
    const { station, port, initial } = called(prepare);
    const next = (initial + 1) >>> 0;
    const flags = (frames: number[][]): number[] => frames.map((frame) => frame[47]);
    expect(flags(station.say(tcpFrame(port, syn, 7000)))).toEqual([syn | ack]);
    expect(flags(station.say(tcpFrame(port, syn, 7000)))).toEqual([syn | ack]);
    expect(told).toEqual([]);
    expect(flags(station.say(tcpFrame(port, syn | ack, 7000, next)))).toEqual([ack]);
    expect(told).toEqual(['connected']);
    expect(station.say(tcpFrame(port, ack, 7001, next))).toEqual([]);
  });

  describe('resets what acknowledges a SYN that was never sent, and goes on (RFC 9293, 3.10.7)', () => {
    const [syn, rst, ack] = [2, 4, 16];
    const wrong = [0, 2, 1 << 20, 1 << 31];
    /** The sequence number and the flags of each segment. */
    const resets = (frames: number[][]): number[][] =>
      frames.map((frame) => [Buffer.from(frame).readUInt32BE(38), frame[47]]);

    it('where it calls', () => {
      const { told, prepare } = teller();
      const { station, port, initial } = called(prepare);
      for (const number of wrong.map((offset) => (initial + offset) >>> 0)) {
        expect(resets(station.say(tcpFrame(port, ack, 7000, number)))).toEqual([[number, rst]]);
        expect(resets(station.say(tcpFrame(port, syn | ack, 7000, number)))).toEqual([[number, rst]]);
        expect(station.say(tcpFrame(port, rst | ack, 7000, number))).toEqual([]);
      }
      expect(told).toEqual([]);
      expect(station.say(tcpFrame(port, syn | ack, 7000, (initial + 1) >>> 0))).toHaveLength(1);
      expect(told).toEqual(['connected']);
    });

    it('where it is called', () => {
      const station = new Station();
      station.say(arpFrame(1, gatewayIp, gatewayMac));
      const { told, prepare } = teller();
      station.gateway.listen(80, prepare);
      const [answer] = station.say(tcpFrame(80, syn, 7000));
      const initial = Buffer.from(answer).readUInt32BE(38);
      for (const number of wrong.map((offset) => (initial + offset) >>> 0)) {
        expect(resets(station.say(tcpFrame(80, ack, 7001, number)))).toEqual([[number, rst]]);
      }
      expect(told).toEqual([]);
      expect(station.say(tcpFrame(80, ack, 7001, (initial + 1) >>> 0))).toEqual([]);
      expect(told).toEqual(['connected']);
    });
  });

  it('sends on when the switch has room again', () => {
    const sent: Uint8Array[] = [];
    const { station, next } = calling((connection) => {
      connection.handler = { connected: () => connection.write(pattern(1000)) };
    });
    station.full = true;
    station.tell(tcpFrame(80, 16, 1001, next));
    expect(station.gateway.counters().dropped).toEqual({});
    station.received = [];
    station.makeRoom();
    sent.push(...station.received);
    expect(sent.map((frame) => frame.length - 54).filter((length) => length > 0)).toContain(1000);
  });
});
