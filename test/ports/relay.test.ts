import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { relay, type RelayReport } from '../../src/cli/relay.js';
import { NetDriver, openModern } from '../../src/driver/index.js';
import { connect, Switch } from '../../src/fabric/index.js';
import { openRelay, RelayServer, type RelayServerOptions } from '../../src/fabric/index.node.js';
import { systemClock } from '../../src/hosts/v86/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { inProcess } from '../../src/lab/targets/inProcess.js';
import { InstalledCommand, type Outcome } from '../cli/installed.js';
import { testStreams } from '../cli/streams.js';
import { bytesOf, sequenceOf, TestCard } from '../fabric/card.js';
import { noProperties } from '../support/noProperties.js';

const clock = systemClock;
const root = fileURLToPath(new URL('../..', import.meta.url));

let fabric: Switch;
const closing: (() => unknown)[] = [];

beforeEach(() => {
  fabric = new Switch({ clock });
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  fabric.close();
});

/** `vmq relay --json` as a process of its own. */
async function startRelay(): Promise<{ url: string; interrupt: () => Promise<Outcome> }> {
  const vmq = await InstalledCommand.create();
  closing.push(() => vmq.remove());
  let kill: ((signal: NodeJS.Signals) => void) | undefined;
  let ended: Promise<Outcome> | undefined;
  const url = await new Promise<string>((resolve, reject) => {
    const onStderr = (stderr: string, killIt: (signal: NodeJS.Signals) => void): void => {
      kill = killIt;
      const [, found] = /The relay is at (ws:\S+);/.exec(stderr) ?? [];
      if (found !== undefined) resolve(found);
    };
    ended = vmq.run(['relay', '--listen', '127.0.0.1:0', '--json'], { onStderr });
    ended.then((outcome) => reject(new Error(outcome.stderr)), reject);
  });
  closing.push(() => kill?.('SIGKILL'));
  const interrupt = (): Promise<Outcome> => {
    kill?.('SIGINT');
    return ended!;
  };
  return { url, interrupt };
}

/** v86 with its own card in another process, which sends back what it gets; answers the card's address. */
async function startV86(relayUrl: string): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'vmq-echo-'));
  closing.push(() => rm(folder, { recursive: true }));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const outfile = join(folder, 'echo.mjs');
  await build({
    entryPoints: [join(root, 'test/ports/v86Echo.ts')],
    outfile,
    ...{ bundle: true, format: 'esm', target: 'es2023', platform: 'neutral', logLevel: 'warning' },
    ...{ packages: 'external', external: ['node:*'] },
  });
  const child = spawn(process.execPath, [outfile, relayUrl], { stdio: ['ignore', 'pipe', 'inherit'] });
  closing.push(async () => {
    const ended = once(child, 'exit');
    if (child.exitCode === null && child.kill('SIGKILL')) await ended;
  });
  for await (const line of createInterface(child.stdout)) return line.split(' ').map(Number);
  throw new Error('v86 ended before it said its address.');
}

describe('vmq relay', () => {
  it("joins v86's own card, which knows nothing of us, with ours", async () => {
    const started = await startRelay();
    const client = openRelay(started.url, { clock });
    closing.push(() => client.close());
    connect(client, fabric.addPort('relay'));
    await expect.poll(() => client.listening).toBe(true);
    const card = inProcess({ mac: '52:54:00:00:00:01' });
    connect(card.device, fabric.addPort('ours'));
    const driver = await NetDriver.start(await openModern(card.machine), { pairs: 1 });
    const received: Uint8Array[] = [];
    const take = async (count: number): Promise<Uint8Array[]> => {
      const collect = async (): Promise<number> => {
        received.push(...(await driver.receive()).map(({ frame }) => frame));
        return received.length;
      };
      await expect.poll(collect, { timeout: 20_000 }).toBeGreaterThanOrEqual(count);
      return received.splice(0);
    };
    const theirs = await startV86(started.url);
    const [hello] = await take(1);
    expect([...hello.subarray(0, 15)]).toEqual([255, 255, 255, 255, 255, 255, ...theirs, 0x88, 0xb5, 7]);
    const ours = [0x52, 0x54, 0, 0, 0, 1];
    const sent = [60, 61, 700, 1514].map((length) => {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 3 + length) & 0xff);
      bytes.set([...theirs, ...ours, 0x88, 0xb5]);
      return bytes;
    });
    await driver.send(0, sent);
    const echoed = await take(sent.length);
    const expected = sent.map((bytes) => Uint8Array.from([...ours, ...theirs, ...bytes.subarray(12)]));
    expect(echoed).toEqual(expected);

    const { status, stdout } = await started.interrupt();
    expect(status).toBe(0);
    const report = JSON.parse(stdout) as RelayReport;
    expect(report).toMatchObject({ url: started.url, accepted: 2, ended: 0, refused: 0 });
    expect(report.ports).toMatchObject([
      { connected: true, inFrames: 4, outFrames: 5, dropped: noProperties },
      { connected: true, inFrames: 5, outFrames: 4, dropped: noProperties },
    ]);
  });

  it('ends when it is interrupted before it listens', async () => {
    const streams = testStreams();
    const ended = relay({ host: '127.0.0.1', port: 0, connections: 1, json: true }, streams);
    process.emit('SIGINT', 'SIGINT');
    expect(await ended).toBe(0);
    expect(JSON.parse(streams.stdout.text)).toMatchObject({ accepted: 0 });
  });
});

/** A relay in this process, with card 1 on its switch. */
async function localRelay(options: Partial<RelayServerOptions> = {}) {
  const server = await RelayServer.listen({ host: '127.0.0.1', port: 0 }, fabric, { clock, ...options });
  closing.push(() => server.close());
  const card = new TestCard(1).plugInto(fabric.addPort('card 1'));
  return { server, card };
}

/** A plain WebSocket; answers how its opening ended. */
async function dial(url: string, origin?: string): Promise<WebSocket | string> {
  const socket = new WebSocket(url, { ...(origin !== undefined && { origin }) });
  closing.push(() => socket.terminate());
  return new Promise((resolve) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', ({ message }) => resolve(message));
  });
}

async function opened(url: string): Promise<WebSocket> {
  const socket = await dial(url);
  if (typeof socket === 'string') throw new Error(socket);
  return socket;
}

/** A TCP client that says this, and never ends its side of the connection. */
async function open(url: string, text: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = createConnection({ host: hostname, port: Number(port), allowHalfOpen: true });
  closing.push(() => socket.destroy());
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

describe('a relay', () => {
  it('joins clients with the switch, and forgets those that go', async () => {
    const { server, card } = await localRelay();
    const outer = new Switch({ clock });
    const client = openRelay(server.url, { clock });
    connect(client, outer.addPort('relay'));
    const far = new TestCard(8).plugInto(outer.addPort('card 8'));
    await expect.poll(() => client.listening).toBe(true);
    far.burst(Array.from({ length: 200 }, (_, n) => bytesOf(1, 8, n, 0, 1500)));
    await expect.poll(() => card.received.length).toBe(200);
    card.burst(Array.from({ length: 200 }, (_, n) => bytesOf(8, 1, n, 0, 1500)));
    await expect.poll(() => far.received.length).toBe(200);
    expect([card.numbers(), far.numbers()]).toEqual(new Array(2).fill(Array.from({ length: 200 }, (_, n) => n)));
    // Messages that come together end in one flush.
    expect(card.flushes).toBeLessThan(200);
    client.close();
    await expect.poll(() => server.counters().ended).toBe(1);
    expect(fabric.counters().ports.map(({ name }) => name)).toEqual(['card 1']);
    outer.close();
  });

  it('lets programs and pages of this machine in, and other pages when it is told to', async () => {
    const { server } = await localRelay();
    expect(await dial(server.url)).toBeInstanceOf(WebSocket);
    expect(await dial(server.url, 'http://localhost:8086')).toBeInstanceOf(WebSocket);
    expect(await dial(server.url, 'https://localhost.example.org')).toContain('403');
    expect(await dial(server.url, 'https://copy.sh')).toContain('403');
    expect(server.counters()).toMatchObject({ accepted: 2, refused: 2 });
    const open = await RelayServer.listen({ host: '127.0.0.1', port: 0 }, fabric, {
      clock,
      origins: ['https://copy.sh'],
    });
    closing.push(() => open.close());
    expect(await dial(open.url, 'https://copy.sh')).toBeInstanceOf(WebSocket);
    expect(await dial(open.url, 'http://localhost')).toContain('403');
  });

  it('turns away whoever is one too many', async () => {
    const { server } = await localRelay({ maxConnections: 1 });
    const first = await opened(server.url);
    expect(await dial(server.url)).toContain('503');
    first.close();
    await expect.poll(() => server.counters().ended).toBe(1);
    expect(await dial(server.url)).toBeInstanceOf(WebSocket);
  });

  it('keeps nothing open for those that it turned away', async () => {
    const { server } = await localRelay({ maxConnections: 0 });
    const upgrade = [
      'GET / HTTP/1.1',
      ...['Host: a', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ];
    const socket = await open(server.url, `${upgrade.join('\r\n')}\r\n\r\n`);
    await once(socket, 'end');
    // What is written to a connection that is closed altogether is answered with its end.
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const writing = setInterval(() => socket.write('more'), 20);
    closing.push(() => clearInterval(writing));
    await closed;
    expect(server.counters()).toMatchObject({ accepted: 0, refused: 1 });
  });

  it.each([
    ['nothing', ''],
    ['half of what it wants', 'GET / HTTP/1.1\r\n'],
  ])('ends though somebody is there who says %s', async (_, text) => {
    const { server } = await localRelay();
    await open(server.url, text);
    // When a later one is there, that one is as well.
    await opened(server.url);
    await server.close();
    expect(server.counters()).toMatchObject({ accepted: 1, ended: 1 });
  });

  it('takes no message that is no frame, or too long', async () => {
    const { server, card } = await localRelay({ maxFrameBytes: 1518 });
    const socket = await opened(server.url);
    const closed = once(socket, 'close') as Promise<[number]>;
    socket.send('text');
    socket.send(new Uint8Array(3));
    socket.send(bytesOf(1, 9, 5, 0, 1518));
    socket.send(bytesOf(1, 9, 6, 0, 1519));
    expect((await closed)[0]).toBe(1009);
    expect(card.numbers()).toEqual([5]);
    await expect.poll(() => server.counters().ended).toBe(1);
    expect(server.counters().ports).toMatchObject([{ inFrames: 2, dropped: { malformed: 1, tooLong: 1 } }]);
  });

  it('ends connections that answer no ping, and no others', async () => {
    const time = new ManualClock();
    const { server } = await localRelay({ clock: time, pingInterval: 100 });
    const answering = await opened(server.url);
    const silent = await opened(server.url);
    silent.pause();
    for (let round = 0; round < 3; round++) {
      const asked = once(answering, 'ping');
      time.advance(100);
      await asked;
      // The answer to this comes when the server has had the answer to its own.
      const answered = once(answering, 'pong');
      answering.ping();
      await answered;
    }
    await expect.poll(() => server.counters().ended).toBe(1);
    expect(answering.readyState).toBe(WebSocket.OPEN);
  });

  it('holds up who sends faster than a card receives, and loses nothing', async () => {
    const { server, card } = await localRelay();
    card.buffers[0] = 0;
    const socket = await opened(server.url);
    const count = 4000;
    for (let n = 0; n < count; n++) socket.send(bytesOf(1, 9, n, 0, 1500));
    await expect.poll(() => server.counters().ports[0].pauses).toBeGreaterThan(0);
    const { waitingFrames } = server.counters().ports[0];
    expect(waitingFrames).toBeLessThan(1024);
    while (card.received.length < count) {
      card.give(100 * 1500);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(card.numbers()).toEqual(Array.from({ length: count }, (_, n) => n));
    expect(server.counters().ports[0].dropped).toEqual({});
  });

  it('is found again by clients when it was gone', async () => {
    const { server } = await localRelay();
    const { port } = new URL(server.url);
    const client = openRelay(server.url, { clock, firstDelay: 20, longestDelay: 50 });
    closing.push(() => client.close());
    const events: string[] = [];
    client.onEvent.on(({ kind }) => events.push(kind));
    connect(client, new Switch({ clock }).addPort('relay'));
    await expect.poll(() => client.listening).toBe(true);
    await server.close();
    await expect.poll(() => events.length).toBeGreaterThan(3);
    expect(client.listening).toBe(false);
    const again = await RelayServer.listen({ host: '127.0.0.1', port: Number(port) }, fabric, { clock });
    closing.push(() => again.close());
    await expect.poll(() => client.listening).toBe(true);
    expect(events[0]).toBe('connected');
    expect(events.at(-1)).toBe('connected');
  });

  it('tells a browser that comes by what it is', async () => {
    const { server } = await localRelay();
    const response = await fetch(server.url.replace('ws:', 'http:'));
    expect([response.status, await response.text()]).toEqual([426, 'This is a WebSocket relay for Ethernet frames.\n']);
  });
});

it('sends large bursts through a WebSocket that is slow, in order', async () => {
  const { server, card } = await localRelay();
  const socket = await opened(server.url);
  const received: number[] = [];
  socket.on('message', (data: Buffer) => received.push(sequenceOf(data)));
  socket.send(bytesOf(9, 9));
  await expect.poll(() => server.counters().ports[0].inFrames).toBe(1);
  socket.pause();
  const count = 12_000;
  card.burst(Array.from({ length: count }, (_, n) => bytesOf(9, 1, n, 0, 1500)));
  expect(card.held.length).toBeGreaterThan(0);
  socket.resume();
  await expect.poll(() => received.length, { timeout: 20_000 }).toBe(count);
  expect(received).toEqual(Array.from({ length: count }, (_, n) => n));
  expect(server.counters().ports[0].dropped).toEqual({});
});
