import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { NetDriver, openModern, until } from '../../src/driver/index.js';
import { connect, Switch } from '../../src/fabric/index.js';
import { parseStreamAddress, StreamClient, StreamServer } from '../../src/fabric/index.node.js';
import { systemClock } from '../../src/hosts/v86/index.js';
import { inProcess } from '../../src/lab/targets/inProcess.js';
import { qemuOn } from '../../src/lab/targets/qemu.node.js';
import type { Target, Wire } from '../../src/lab/targets/target.js';
import { bytesOf, TestCard } from '../fabric/card.js';
import { freePort } from './freePort.js';
import { noProperties } from '../support/noProperties.js';

const ours = [0x52, 0x54, 0, 0, 0, 0x01];
const theirs = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

/** Frames of every kind of length, up to the longest that QEMU's card takes of this driver's buffers. */
const lengths = [14, 60, 61, 342, 1514];

function frameOf(to: readonly number[], from: readonly number[], length: number): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => (i * 11 + length) & 0xff);
  bytes.set([...to, ...from, 0x88, 0xb5]);
  return bytes;
}

/** The frames come out of the fabric, not of the target's own wire. */
const noWire: Wire = { send: () => Promise.resolve(), take: () => Promise.resolve([]) };

let folder: string;
let fabric: Switch;
const closing: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vmq-stream-'));
  fabric = new Switch({ clock: systemClock });
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  fabric.close();
  await rm(folder, { recursive: true, force: true });
});

async function qemuWith(netdev: string): Promise<Target> {
  const backend = { netdevs: [netdev], wire: Promise.resolve(noWire), close: () => Promise.resolve() };
  const target = await qemuOn(backend);
  closing.push(() => target.close());
  return target;
}

async function driverOf(target: Target): Promise<NetDriver> {
  return NetDriver.start(await openModern(target.machine), { pairs: 1 });
}

/** Sends frames of all lengths both ways between QEMU's card and ours, which is on the switch. */
async function exchange(qemu: Target): Promise<void> {
  const card = inProcess({ mac: '52:54:00:00:00:01' });
  connect(card.device, fabric.addPort('ours'));
  const [near, far] = [await driverOf(card), await driverOf(qemu)];
  const ends = [
    { from: near, to: far, machine: qemu.machine, addresses: [theirs, ours] },
    { from: far, to: near, machine: qemu.machine, addresses: [ours, theirs] },
  ];
  for (const { from, to, machine, addresses } of ends) {
    const sent = lengths.map((length) => frameOf(addresses[0], addresses[1], length));
    await from.send(0, sent);
    const received: Uint8Array[] = [];
    await until(machine, 'frames from the other end', async () => {
      await from.sent(0);
      received.push(...(await to.receive()).map(({ frame }) => frame));
      return received.length >= sent.length || undefined;
    });
    // What is shorter than Ethernet's least is made longer by QEMU, as its card expects it on a wire.
    expect(received.map((frame, i) => frame.subarray(0, sent[i].length))).toEqual(sent);
  }
}

describe('a server for QEMU', () => {
  it.each(['unix', 'inet'] as const)('exchanges frames with -netdev stream over %s', async (type) => {
    const path = join(folder, 'frames');
    const server = await StreamServer.listen(type === 'unix' ? { path } : { host: '127.0.0.1', port: 0 }, fabric);
    closing.push(() => server.close());
    const at = type === 'unix' ? { path } : parseStreamAddress(server.address);
    if (!at) throw new Error(server.address);
    const address = 'path' in at ? `addr.path=${at.path}` : `addr.host=${at.host},addr.port=${at.port}`;
    await exchange(await qemuWith(`stream,id=net0,server=off,addr.type=${type},${address}`));
    const { accepted, ended, refused, ports } = server.counters();
    expect({ accepted, ended, refused }).toEqual({ accepted: 1, ended: 0, refused: 0 });
    expect(ports).toMatchObject([
      { connected: true, inFrames: lengths.length, outFrames: lengths.length, dropped: noProperties },
    ]);
  });

  it('exchanges frames with -netdev socket, and takes the port away when QEMU ends', async () => {
    const server = await StreamServer.listen({ host: '127.0.0.1', port: 0 }, fabric);
    closing.push(() => server.close());
    const qemu = await qemuWith(`socket,id=net0,connect=${server.address}`);
    await exchange(qemu);
    expect(fabric.counters().ports).toHaveLength(2);
    await closing.pop()!();
    await expect.poll(() => server.counters().ended).toBe(1);
    expect(fabric.counters().ports).toHaveLength(1);
    expect(server.counters().ports).toMatchObject([
      { connected: false, inFrames: lengths.length, dropped: noProperties },
    ]);
  });
});

describe('a client of QEMU', () => {
  it.each(['unix', 'inet'] as const)('waits for -netdev stream,server=on over %s, and connects', async (type) => {
    const at = type === 'unix' ? { path: join(folder, 'frames') } : { host: '127.0.0.1', port: await freePort() };
    const client = new StreamClient(at, { clock: systemClock, firstDelay: 20, longestDelay: 100 });
    closing.push(() => client.close());
    connect(client, fabric.addPort('QEMU'));
    const events: string[] = [];
    client.onEvent.on(({ kind }) => events.push(kind));
    await expect.poll(() => events.length).toBeGreaterThan(1);
    expect(new Set(events)).toEqual(new Set(['disconnected']));
    const address = 'path' in at ? `addr.path=${at.path}` : `addr.host=${at.host},addr.port=${at.port}`;
    const qemu = await qemuWith(`stream,id=net0,server=on,addr.type=${type},${address}`);
    await expect.poll(() => client.listening, { timeout: 20_000 }).toBe(true);
    await exchange(qemu);
    expect(events.at(-1)).toBe('connected');
    expect(client.counters()).toMatchObject({ connected: true, outFrames: lengths.length, dropped: noProperties });
  });
});

describe('a connection that ends', () => {
  const count = 100;
  const numbers = Array.from({ length: count }, (_, n) => n);
  /** Frames for station 1 that fit into one read, and congest a port that may hold few. */
  const stream = Buffer.concat(numbers.flatMap((n) => [Buffer.of(0, 0, 0, 60), bytesOf(1, 8, n)]));
  const limits = { heldFrames: 8 };

  /** Card 1 on a switch that lets two frames wait. */
  function starvingCard(): { narrow: Switch; card: TestCard } {
    const narrow = new Switch({ clock: systemClock, backlogFrames: 2, deadline: 600_000 });
    closing.push(() => narrow.close());
    const card = new TestCard(1).plugInto(narrow.addPort('card 1'));
    card.burst([bytesOf(1, 1)]);
    card.buffers[0] = 0;
    return { narrow, card };
  }

  /** A server with a connection that has brought all frames, for a card without buffers. */
  async function congested() {
    const { narrow, card } = starvingCard();
    const server = await StreamServer.listen({ host: '127.0.0.1', port: 0 }, narrow, limits);
    closing.push(() => server.close());
    const at = parseStreamAddress(server.address);
    if (!at) throw new Error(server.address);
    const open = async (): Promise<Socket> => {
      const socket = createConnection(at).on('error', () => undefined);
      closing.push(() => socket.destroy());
      await once(socket, 'connect');
      return socket;
    };
    const socket = await open();
    socket.write(stream);
    await expect.poll(() => server.counters().ports[0].pauses).toBe(1);
    return { server, card, open, socket };
  }

  it('has what it brought delivered, when the receiver has room, and gets nothing meanwhile', async () => {
    const { server, card, open, socket } = await congested();
    await once(socket.end(), 'finish');
    // When a later one is there, the end has come as well.
    await open();
    await expect.poll(() => server.counters().accepted).toBe(2);
    expect(server.counters().ended).toBe(0);
    card.burst([bytesOf(8, 1)]);
    expect(server.counters().ports[0].outFrames).toBe(0);
    card.give(Infinity);
    await expect.poll(() => server.counters().ended).toBe(1);
    expect(card.numbers()).toEqual(numbers);
    expect(server.counters().ports[1]).toMatchObject({
      inFrames: count,
      waitingFrames: 0,
      dropped: { disconnected: 1 },
    });
  });

  it('has all that it brought counted when it is reset', async () => {
    const { server, card, socket } = await congested();
    socket.resetAndDestroy();
    await expect.poll(() => server.counters().ended).toBe(1);
    // What the switch has is the card's.
    card.give(Infinity);
    expect(card.numbers()).toEqual([0, 1]);
    const { inFrames, dropped } = server.counters().ports[0];
    expect(inFrames).toBe(count);
    expect(dropped).toEqual({ unconnected: 8, backlogFull: count - 2 - 8 });
  });

  it('leaves a client what it brought', async () => {
    const path = join(folder, 'frames');
    const server = createServer((socket) => void socket.end(stream)).listen(path);
    closing.push(() => server.close());
    await once(server, 'listening');
    const { narrow, card } = starvingCard();
    const client = new StreamClient({ path }, { clock: systemClock, ...limits });
    closing.push(() => client.close());
    connect(client, narrow.addPort('QEMU'));
    await expect.poll(() => client.counters().pauses).toBe(1);
    expect(client.listening).toBe(true);
    server.close();
    card.give(Infinity);
    await expect.poll(() => client.listening).toBe(false);
    expect(card.numbers()).toEqual(numbers);
    expect(client.counters()).toMatchObject({ inFrames: count, dropped: noProperties });
  });
});
