import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, Switch } from '../../src/fabric/index.js';
import { openTap, type TapPort } from '../../src/fabric/index.node.js';
import { systemClock } from '../../src/hosts/v86/clock.js';
import { sumBytes } from '../../src/net/link/checksum.js';
import { gsoType } from '../../src/net/link/frame.js';
import { Sent } from '../../src/net/link/port.js';
import { address, bytesOf, frameOf, TestCard } from '../fabric/card.js';
import { workerScript } from '../support/workerScript.js';
import { ip, Namespace, namespaceObstacle, transfer } from './namespaces.js';
import { noProperties } from '../support/noProperties.js';

const clock = systemClock;
const inner = (number: number): string => `10.233.0.${number}`;
const queues = 4;

/** Sends 20 datagrams of each of 24 flows. */
const flows = `
const dgram = require('dgram');
for (let i = 0; i < 24; i++) {
  const socket = dgram.createSocket('udp4');
  let left = 20;
  const send = () => (left-- > 0 ? socket.send('flow', 9000 + i, process.argv[1], send) : socket.close());
  socket.bind(20000 + 7 * i, send);
}
`;

/** An ICMP packet to be answered. */
function echoRequest(to: readonly number[], from: readonly number[], source: string, target: string): Uint8Array {
  const ipv4 = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, ...[source, target].join('.').split('.').map(Number)];
  const sum = 0xffff - sumBytes(Uint8Array.from(ipv4), 0, ipv4.length);
  ipv4.splice(10, 2, sum >> 8, sum & 255);
  return Uint8Array.from([...to, ...from, 8, 0, ...ipv4, 8, 0, 0xf7, 0xff, 0, 0, 0, 0]);
}

const obstacle =
  namespaceObstacle() ??
  (await openTap({ clock, name: `vmq${process.pid}` }).then(
    (port) => port.close().then(() => undefined),
    (error: unknown) => (error as Error).message,
  ));

if (obstacle !== undefined) {
  // Not every machine lets its users make networks; then the one thing to show is that we say so.
  it('says why there is no tap', async () => {
    await expect(openTap({ clock, name: `vmq${process.pid}` })).rejects.toThrow(/root's rights|\/dev\/net\/tun|koffi/);
  });
} else {
  describe('multiqueue taps of two machines on one switch', () => {
    let machines: Namespace[];
    let taps: TapPort[];
    let fabric: Switch;
    const names = [1, 2].map((number) => `vmq${process.pid}-${number}`);
    /** The longest frame that each tap was given, and what it asked for. */
    const longest = [
      { length: 0, gso: 0 },
      { length: 0, gso: 0 },
    ];

    /** The second tap takes nothing. */
    let refusing = false;
    let refused = 0;

    beforeAll(async () => {
      machines = [new Namespace(), new Namespace()];
      fabric = new Switch({ clock });
      taps = await Promise.all(names.map((name) => openTap({ clock, name, queues, retry: 20 })));
      taps.forEach((tap, i) => {
        const machine = machines[i];
        ip('link', 'set', names[i], 'netns', machine.name);
        machine.ip('link', 'add', 'bridge', 'type', 'bridge', 'forward_delay', '0', 'mcast_snooping', '0');
        machine.ip('link', 'set', names[i], 'master', 'bridge', 'up');
        machine.ip('addr', 'add', `${inner(i + 1)}/24`, 'dev', 'bridge');
        machine.ip('link', 'set', 'bridge', 'up');
        const send = tap.send.bind(tap);
        tap.send = (frame, lane) => {
          if (frame.length > longest[i].length) longest[i] = { length: frame.length, gso: frame.gso };
          if (!refusing || i === 0) return send(frame, lane);
          refused++;
          return Sent.full;
        };
        connect(fabric.addPort(tap.name), tap);
      });
    });

    afterAll(async () => {
      fabric.close();
      await Promise.all(taps.map((tap) => tap.close()));
      for (const machine of machines) machine.remove();
    });

    it('reach each other through bridges', async () => {
      expect(await machines[0].run('ping', '-c', '3', '-i', '0.1', '-w', '20', inner(2))).toContain(' 0% packet loss');
    });

    it('transfer data both ways in large segments that nobody cuts', async () => {
      const [one, two] = machines;
      const size = 60_000_000;
      for (const [from, to, target] of [[one, two, inner(2)] as const, [two, one, inner(1)] as const]) {
        const { sent, received } = await transfer(from, to, target, size);
        expect(sent).toMatch(new RegExp(`^${size} [0-9a-f]{64}\\n$`));
        expect(received).toBe(sent);
      }
      for (const { length, gso } of longest) {
        expect(length).toBeGreaterThan(60_000);
        expect(gso).toBe(gsoType.tcp4);
      }
      for (const tap of taps) {
        const { lanes, errors } = tap.counters();
        expect(errors).toEqual({});
        for (const lane of lanes) expect(lane).toMatchObject({ segments: 0, dropped: noProperties });
      }
    });

    /** Queues that are out of use are not shown. */
    const scheduled = new Array<number>(queues).fill(0);
    /** Packets of each queue, as the kernel's scheduler counted them. */
    const kernelPackets = (): number[] => {
      const command = ['netns', 'exec', machines[0].name, 'tc', '-s', '-j', 'qdisc', 'show', 'dev', names[0]];
      const all = JSON.parse(execFileSync('ip', command, { encoding: 'utf8' })) as {
        parent?: string;
        packets: number;
      }[];
      for (const { parent, packets } of all) if (parent) scheduled[parseInt(parent.slice(1), 16) - 1] = packets;
      return [...scheduled];
    };
    const ourPackets = (): number[] => {
      const { lanes } = taps[0].counters();
      return Array.from({ length: queues }, (_, lane) => (lanes[lane]?.outFrames ?? 0) + (lanes[lane]?.refused ?? 0));
    };
    const since = (before: readonly number[], now: readonly number[]): number[] => now.map((n, i) => n - before[i]);
    /** What both counted, at a moment when nothing is between them. */
    const whenQuiet = async (): Promise<number[][]> => {
      for (;;) {
        const seen = [kernelPackets(), ourPackets()];
        await sleep(30);
        if (String(seen) === String([kernelPackets(), ourPackets()])) return seen;
      }
    };
    const sendFlows = async (): Promise<{ kernel: number[]; ours: number[] }> => {
      const before = await whenQuiet();
      await machines[0].run(process.execPath, '-e', flows, inner(2));
      const look = () => ({ kernel: since(before[0], kernelPackets()), ours: since(before[1], ourPackets()) });
      let seen = look();
      while (String(seen.kernel) !== String(seen.ours)) {
        await sleep(20);
        seen = look();
      }
      return seen;
    };
    const sum = (counts: readonly number[]): number => counts.reduce((all, n) => all + n, 0);

    it('show each flow on the queue that the kernel chose', async () => {
      const { kernel, ours } = await sendFlows();
      expect(ours).toEqual(kernel);
      expect(sum(ours)).toBeGreaterThanOrEqual(24 * 20);
      expect(ours.filter((packets) => packets >= 20).length).toBeGreaterThan(1);
    });

    it('get the answers to a flow on the queue that it was sent on', async () => {
      const [one] = machines;
      const card = new TestCard(9).plugInto(fabric.addPort('card'));
      const mac = address(9).map((byte) => byte.toString(16).padStart(2, '0'));
      one.ip('neigh', 'replace', inner(9), 'lladdr', mac.join(':'), 'dev', 'bridge', 'nud', 'permanent');
      for (const lane of [2, 3, 1]) {
        const [, before] = await whenQuiet();
        card.received = [];
        card.burst(
          new Array<Uint8Array>(20).fill(echoRequest(one.mac('bridge'), address(9), inner(9), inner(1))),
          lane,
        );
        while (card.received.length < 20) await sleep(5);
        const answers = since(before, ourPackets());
        // The first was answered before the kernel noted its queue.
        expect(answers[lane]).toBeGreaterThanOrEqual(19);
        expect(sum(answers) - answers[lane]).toBeLessThan(19);
      }
    });

    it('use as many queues as they are told to', async () => {
      taps[0].useLanes(2);
      expect(machines[0].ip('-d', 'link', 'show', names[0])).toMatch(/numqueues 2 numdisabled 2/);
      expect(taps[0].lanes).toBe(2);
      expect(taps[0].counters().queues).toBe(2);
      const { ours } = await sendFlows();
      expect(ours.slice(2)).toEqual([0, 0]);
      expect(sum(ours)).toBeGreaterThanOrEqual(24 * 20);
      taps[0].useLanes(99);
      expect(machines[0].ip('-d', 'link', 'show', names[0])).toMatch(/numqueues 4/);
      const again = await sendFlows();
      expect(again.ours.slice(2).some((packets) => packets > 0)).toBe(true);
    });

    it('leave in the kernel what their receiver has no room for, and lose none of it', async () => {
      const [one] = machines;
      refusing = true;
      const pinging = one.run('ping', '-c', '30', '-i', '0.01', '-W', '20', inner(2));
      while (refused === 0) await sleep(10);
      await sleep(400);
      refusing = false;
      taps[1].peer!.room();
      expect(await pinging).toContain(' 0% packet loss');
    });

    it('count frames for an interface that is down', () => {
      machines[1].ip('link', 'set', names[1], 'down');
      expect(taps[1].send(frameOf(bytesOf(1, 2)), 0)).toBe(Sent.dropped);
      expect(taps[1].counters().lanes[0].dropped).toEqual({ linkDown: 1 });
      machines[1].ip('link', 'set', names[1], 'up');
    });

    it('are opened again when somebody takes them away', async () => {
      machines[1].ip('link', 'del', names[1]);
      while (taps[1].counters().reopened === 0) await sleep(10);
      expect(taps[1].listening).toBe(true);
      ip('link', 'set', names[1], 'up');
      expect(taps[1].send(frameOf(bytesOf(1, 2)), 0)).toBe(Sent.taken);
      await taps[1].close();
      expect(() => ip('link', 'show', names[1])).toThrow('does not exist');
    });
  });

  it('is refused to who has no rights, with what would help', async () => {
    const script = fileURLToPath(await workerScript(new URL('./tapOpener.ts', import.meta.url), 'tap-opener'));
    const said = execFileSync(process.execPath, [script], { encoding: 'utf8', uid: 65_534, gid: 65_534 });
    expect(said).toMatch(/^PortError: A tap needs root's rights/);
  });

  it.each([
    ['bridge', ['type', 'bridge']],
    ['tap of one queue', undefined],
  ])('refuses the name of a %s', async (_, kind) => {
    const name = `vmq${process.pid}-x`;
    if (kind) ip('link', 'add', name, ...kind);
    else ip('tuntap', 'add', 'dev', name, 'mode', 'tap');
    try {
      await expect(openTap({ clock, name, queues: 2 })).rejects.toThrow(`${name} is`);
    } finally {
      ip('link', 'del', name);
    }
  });
}
