import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as dial, createServer, type AddressInfo, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  connect,
  Gateway,
  Switch,
  type Forward,
  type GatewayOptions,
  type TcpConnection,
} from '../../../src/fabric/index.js';
import { openForward, PortError } from '../../../src/fabric/index.node.js';
import { systemClock } from '../../../src/hosts/v86/clock.js';
import { Endpoint, pair, pattern } from './pair.js';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** However slow this machine is now. */
const poll = <T>(what: () => T) => expect.poll(what, { timeout: 50_000 });

/** A gateway, and another that plays a station, in real time. */
function network(options: Partial<GatewayOptions> = {}): { near: Gateway; far: Gateway } {
  const fabric = new Switch({ clock: systemClock });
  const [near, far] = ['10.0.0.254/24', '10.0.0.1/24'].map((address) => {
    const gateway = new Gateway({ clock: systemClock, address, ...options });
    connect(gateway, fabric.addPort(address));
    return gateway;
  });
  closing.push(() => fabric.close());
  return { near, far };
}

async function forward(gateway: Gateway, protocol: 'tcp' | 'udp'): Promise<{ forward: Forward; port: number }> {
  const opened = await openForward(gateway, { protocol, port: 0, to: '10.0.0.1', toPort: 80 });
  closing.push(async () => {
    await opened.close();
    gateway.close();
  });
  return { forward: opened, port: Number(opened.from.split(':')[1]) };
}

async function call(port: number): Promise<Socket> {
  const socket = dial({ port, host: '127.0.0.1', allowHalfOpen: true });
  // Those that a test leaves open are reset when their forward is closed.
  closing.push(() => void socket.on('error', () => undefined));
  await once(socket, 'connect');
  return socket;
}

describe('a forward of TCP', () => {
  it('carries both streams, each to its end', async () => {
    const { near, far } = network();
    const { forward: opened, port } = await forward(near, 'tcp');
    const request = pattern(3_000_000, 1);
    const response = pattern(2_000_000, 2);
    let server!: Endpoint;
    far.listen(80, (connection) => (server = new Endpoint(connection, response)));
    const socket = await call(port);
    socket.end(request);
    expect(Buffer.compare(await buffer(socket), response)).toBe(0);
    await poll(() => server.ended).toBe(true);
    expect(Buffer.compare(server.bytes, request)).toBe(0);
    await expect
      .poll(() => opened.counters())
      .toEqual({
        ...{ protocol: 'tcp', from: `127.0.0.1:${port}`, to: '10.0.0.1:80', open: 0, connections: 1, failed: {} },
        ...{ toStationBytes: 3_000_000, fromStationBytes: 2_000_000, lostDatagrams: 0 },
      });
  });

  it('holds up who sends when the station does not read, in bounded memory', async () => {
    const { near, far } = network({ bufferBytes: 16_384 });
    const { port } = await forward(near, 'tcp');
    let server!: TcpConnection;
    far.listen(80, (connection) => (server = connection));
    const socket = await call(port);
    socket.write(pattern(1 << 16));
    const flood = Buffer.alloc(1 << 24);
    socket.write(flood);
    await poll(() => near.counters().outBytes).toBeGreaterThan(16_384);
    expect(near.counters().outBytes).toBeLessThan(200_000);
    expect(socket.writableLength).toBeGreaterThan(0);
    server.abort();
    await once(socket, 'error');
  });

  it('holds up the station when who receives does not read', async () => {
    const { near, far } = network({ bufferBytes: 16_384 });
    const { port, forward: opened } = await forward(near, 'tcp');
    const bytes = pattern(1 << 22);
    far.listen(80, (connection) => new Endpoint(connection, bytes));
    const socket = await call(port);
    socket.pause();
    await poll(() => opened.counters().fromStationBytes).toBeGreaterThan(0);
    expect(Buffer.compare(await buffer(socket), bytes)).toBe(0);
    socket.end();
  });

  it('resets who calls a station that is not there or serves no such port, and says so', async () => {
    const { near } = network();
    const { port, forward: opened } = await forward(near, 'tcp');
    await expect(call(port).then((socket) => once(socket, 'data'))).rejects.toMatchObject({ code: 'ECONNRESET' });
    await poll(() => opened.counters().failed).toEqual({ refused: 1 });
  });

  it('resets both ends where one breaks', async () => {
    const { near, far } = network();
    const { port, forward: opened } = await forward(near, 'tcp');
    let failed: string | undefined;
    far.listen(80, (connection) => {
      connection.handler = { connected: () => connection.write(pattern(100)), closed: (failure) => (failed = failure) };
    });
    const socket = await call(port);
    await once(socket, 'data');
    socket.resetAndDestroy();
    await poll(() => failed).toBe('reset');
    await poll(() => opened.counters().open).toBe(0);
    const second = await call(port);
    await once(second, 'data');
    const broken = once(second, 'error');
    await opened.close();
    await broken;
  });

  it('turns away more than there may be', async () => {
    const { near, far } = network({ connections: 1 });
    const { port, forward: opened } = await forward(near, 'tcp');
    far.listen(80, () => undefined);
    await call(port);
    await poll(() => opened.counters().open).toBe(1);
    await expect(call(port).then((socket) => once(socket, 'data'))).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(opened.counters().failed).toEqual({ tooMany: 1 });
  });
});

describe('a forward of TCP to a station that is far away', () => {
  const nothing: Uint8Array = new Uint8Array(0);

  /** A client, and a station whose answers come as time is told to pass. It sends this, and reads so much at a time. */
  async function distant({ bufferBytes = 4096, response = nothing, appetite = Infinity }) {
    const { near, far, clock } = pair({ delay: 10 }, { bufferBytes });
    const { forward: opened, port } = await forward(near, 'tcp');
    let server: Endpoint | undefined;
    far.listen(80, (connection) => {
      server = new Endpoint(connection, response);
      server.appetite = appetite;
    });
    const socket = await call(port);
    await poll(() => opened.counters().open).toBe(1);
    return {
      ...{ near, far, clock, opened, socket },
      /** Lets time pass until it is so. */
      until: (isSo: (server: Endpoint | undefined) => boolean) =>
        poll(() => {
          clock.advance(20);
          return isSo(server);
        }).toBe(true),
      get server() {
        return server!;
      },
    };
  }

  /** What the client did has come to the forward; where it has not by then, a test shows less, but does not fail. */
  const noticed = (): Promise<void> => setTimeout(100);

  const isOver = (opened: Forward) => () => opened.counters().open === 0;

  function passed(opened: Forward): unknown[] {
    const { toStationBytes, fromStationBytes, failed } = opened.counters();
    return [toStationBytes, fromStationBytes, failed];
  }

  it.each([
    [20_000, 4096],
    [300_000, 262_144],
  ])('has all of a client that ends when %i bytes did not fit into %i', async (length, bufferBytes) => {
    const request = pattern(length);
    const two = await distant({ bufferBytes, response: pattern(1000, 2) });
    const response = buffer(two.socket);
    two.clock.advance(100);
    two.socket.end(request);
    await noticed();
    await two.until((server) => server!.ended);
    expect(Buffer.compare(two.server.bytes, request)).toBe(0);
    expect(Buffer.compare(await response, pattern(1000, 2))).toBe(0);
    await two.until(isOver(two.opened));
    expect(passed(two.opened)).toEqual([length, 1000, {}]);
  });

  it.each([0, 1000, 20_000])('calls it for a client that ends, after %i bytes, before it answers', async (length) => {
    const request = pattern(length);
    const two = await distant({ response: pattern(1000, 2) });
    const response = buffer(two.socket);
    two.socket.end(request);
    await noticed();
    await two.until((server) => server?.ended === true);
    expect(Buffer.compare(two.server.bytes, request)).toBe(0);
    expect(Buffer.compare(await response, pattern(1000, 2))).toBe(0);
    await two.until(isOver(two.opened));
    expect(passed(two.opened)).toEqual([length, 1000, {}]);
  });

  it('has the rest of a client that is gone, once the station reads', async () => {
    const request = pattern(20_000);
    const two = await distant({ appetite: 0 });
    two.clock.advance(100);
    const gone = once(two.socket, 'close');
    two.socket.resume().end(request);
    await gone;
    await noticed();
    two.clock.advance(1000);
    expect(two.opened.counters().open).toBe(1);
    expect(two.opened.counters().toStationBytes).toBeLessThan(10_000);
    two.server.appetite = Infinity;
    two.server.pull();
    await two.until((server) => server!.ended);
    expect(Buffer.compare(two.server.bytes, request)).toBe(0);
    await two.until(isOver(two.opened));
    expect(passed(two.opened)).toEqual([20_000, 0, {}]);
  });

  it('breaks what is left of a client that is gone when it is closed', async () => {
    const two = await distant({ appetite: 0 });
    two.clock.advance(100);
    const gone = once(two.socket, 'close');
    two.socket.resume().end(pattern(20_000));
    await gone;
    await two.opened.close();
    await two.until(isOver(two.opened));
    await two.until((server) => server!.failure === 'reset');
  });

  it('resets a client that ended when nobody answers', async () => {
    const two = await distant({});
    two.far.send = () => 1;
    const failed = once(two.socket, 'error');
    two.socket.end();
    await noticed();
    two.clock.advance(40_000);
    await expect(failed).resolves.toMatchObject([{ code: 'ECONNRESET' }]);
    await poll(isOver(two.opened)).toBe(true);
    expect(two.opened.counters().failed).toEqual({ unreachable: 1 });
  });

  it('forgets a client that breaks before it is answered', async () => {
    const two = await distant({});
    two.socket.resetAndDestroy();
    await poll(isOver(two.opened)).toBe(true);
    expect(two.opened.counters().failed).toEqual({ closed: 1 });
    expect(two.near.counters().tcp).toMatchObject({ open: 0, failed: { aborted: 1 } });
  });

  it('resets its clients when the gateway is closed', async () => {
    const two = await distant({});
    const failed = once(two.socket, 'error');
    two.near.close();
    await expect(failed).resolves.toMatchObject([{ code: 'ECONNRESET' }]);
    await poll(isOver(two.opened)).toBe(true);
    expect(two.opened.counters().failed).toEqual({ aborted: 1 });
  });
});

describe('a forward of UDP', () => {
  it('keeps those apart who send, and takes datagrams of any size', async () => {
    const { near, far } = network();
    const { port, forward: opened } = await forward(near, 'udp');
    const echo = far as unknown as { udp: { bind: (port: number, receive: (datagram: never) => undefined) => void } };
    echo.udp.bind(80, ({ sourcePort, payload }: { sourcePort: number; payload: Uint8Array }) => {
      far.sendUdp('10.0.0.254', sourcePort, 80, payload);
      return undefined;
    });
    const sockets = [createSocket('udp4'), createSocket('udp4')];
    const messages = [Buffer.from('one'), Buffer.from(pattern(20_000))];
    const answers = sockets.map((socket) => once(socket, 'message'));
    sockets.forEach((socket, i) => socket.send(messages[i], port, '127.0.0.1'));
    for (const [i, answer] of answers.entries()) {
      expect(Buffer.compare(((await answer) as [Buffer])[0], messages[i])).toBe(0);
    }
    for (const socket of sockets) socket.close();
    expect(opened.counters()).toMatchObject({
      open: 2,
      connections: 2,
      toStationBytes: 20_003,
      fromStationBytes: 20_003,
    });
  });

  it('forgets who was silent for longest', async () => {
    const { near } = network();
    const { port, forward: opened } = await forward(near, 'udp');
    const sockets = Array.from({ length: 260 }, () => createSocket('udp4'));
    for (const some of [sockets.slice(0, 130), sockets.slice(130)]) {
      const before = opened.counters().connections;
      for (const socket of some) socket.send('x', port, '127.0.0.1');
      // Not more than the system's socket holds.
      await poll(() => opened.counters().connections).toBe(before + some.length);
    }
    expect(opened.counters().open).toBe(256);
    for (const socket of sockets) socket.close();
  });
});

describe('opening a forward', () => {
  const { near } = network();

  it.each([
    [{ to: '10.0.1.1' }, "'10.0.1.1' is no address of a station in the network of 10.0.0.254."],
    [{ to: '10.0.0.254' }, 'is no address of a station'],
    [{ port: 65_536 }, '65536 is no port; it must be a whole number from 0 to 65535.'],
    [{ toPort: 0 }, '0 is no port; it must be a whole number from 1 to 65535.'],
    [{ host: '192.0.2.1' }, '192.0.2.1 is no address of this machine'],
  ])('refuses %j', async (options, message) => {
    const opening = openForward(near, { protocol: 'tcp', port: 0, to: '10.0.0.1', toPort: 80, ...options });
    await expect(opening).rejects.toThrow(PortError);
    await expect(opening).rejects.toThrow(message);
  });

  it('refuses a port that is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const opening = openForward(near, { protocol: 'tcp', port, to: '10.0.0.1', toPort: 80 });
    await expect(opening).rejects.toThrow(`TCP port ${port} of 127.0.0.1 is in use; give another.`);
    server.close();
  });
});
