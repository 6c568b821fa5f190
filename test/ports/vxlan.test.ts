import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, Switch, type VxlanCounters, type VxlanPort } from '../../src/fabric/index.js';
import { openVxlan } from '../../src/fabric/index.node.js';
import { systemClock } from '../../src/hosts/v86/clock.js';
import { address, broadcast, bytesOf, TestCard } from '../fabric/card.js';
import { workerScript } from '../support/workerScript.js';
import { ip, Namespace, namespaceObstacle, transfer } from './namespaces.js';
import { dissectFile } from './wireshark.js';
import { noProperties } from '../support/noProperties.js';

const clock = systemClock;
const vni = 0xabcdef;

/** Two Linux machines, each with the kernel's own vxlan device and a cable of its own to this machine. */
class Machines {
  readonly all = [1, 2].map((number) => {
    const machine = new Namespace();
    const outer = `vmq${process.pid % 100_000}-${number}`;
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', 'cable', 'netns', machine.name);
    ip('addr', 'add', `${here(number)}/30`, 'dev', outer);
    ip('link', 'set', outer, 'up');
    machine.ip('addr', 'add', `${there(number)}/30`, 'dev', 'cable');
    machine.ip('link', 'set', 'cable', 'up');
    // Such a cable would leave checksums inside tunnels to a network card that is not there.
    execFileSync('ip', ['netns', 'exec', machine.name, 'ethtool', '-K', 'cable', 'tx', 'off'], { stdio: 'ignore' });
    const tunnel = ['id', String(vni), 'dstport', '4789', 'local', there(number), 'remote', here(number)];
    machine.ip('link', 'add', 'vx', 'type', 'vxlan', ...tunnel);
    machine.ip('addr', 'add', `${inner(number)}/24`, 'dev', 'vx');
    machine.ip('link', 'set', 'vx', 'mtu', '1450', 'up');
    return machine;
  });

  remove(): void {
    for (const machine of this.all) machine.remove();
  }
}

const here = (number: number): string => `10.231.${number}.1`;
const there = (number: number): string => `10.231.${number}.2`;
const inner = (number: number): string => `10.232.0.${number}`;
const ipv4 = (text: string): number[] => text.split('.').map(Number);

/** Asks for the address of a machine: all, or one. */
function arpRequest(from: number[], source: number[], target: number[], to = address(broadcast)): Uint8Array {
  const none = [0, 0, 0, 0, 0, 0];
  return Uint8Array.from([...to, ...from, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, ...from, ...source, ...none, ...target]);
}

const obstacle = namespaceObstacle();

if (obstacle !== undefined) {
  // Not every machine lets its users make networks; then the one thing to show is that this is why.
  it('can not be compared with the kernel, as there are no network namespaces', () => {
    expect(obstacle).toMatch(/ip netns|ENOENT|permitted|denied/);
  });
} else {
  describe("the kernel's vxlan devices", () => {
    let machines: Machines;
    let fabric: Switch;
    let ports: VxlanPort[];

    beforeAll(async () => {
      machines = new Machines();
      fabric = new Switch({ clock });
      ports = await Promise.all([1, 2].map((n) => openVxlan({ clock, vni, local: here(n), peers: [there(n)] })));
      for (const port of ports) connect(fabric.addPort(port.name), port);
    });

    afterAll(async () => {
      fabric.close();
      await Promise.all(ports.map((port) => port.close()));
      machines.remove();
    });

    it('reach each other through a switch with a tunnel to each', async () => {
      const [one, two] = machines.all;
      expect(await one.run('ping', '-c', '3', '-i', '0.1', '-w', '20', inner(2))).toContain(' 0% packet loss');
      // The largest packet that fits, not to be fragmented.
      const largest = ['-c', '2', '-i', '0.1', '-w', '20', '-M', 'do', '-s', String(1450 - 28)];
      expect(await two.run('ping', ...largest, inner(1))).toContain(' 0% packet loss');
    });

    it('transfer data both ways, with outer packets as tshark knows them', async () => {
      const [one, two] = machines.all;
      const folder = mkdtempSync(join(tmpdir(), 'vmq-vxlan-'));
      try {
        const file = join(folder, 'outer.pcapng');
        const watcher = one.start('dumpcap', '-q', '-i', 'cable', '-B', '64', '-s', '200', '-w', file);
        await watcher.said('File:');
        const size = 6_000_000;
        for (const [from, to, target] of [[one, two, inner(2)] as const, [two, one, inner(1)] as const]) {
          const { sent, received } = await transfer(from, to, target, size);
          expect(sent).toMatch(new RegExp(`^${size} [0-9a-f]{64}\\n$`));
          expect(received).toBe(sent);
        }
        watcher.stop();
        await watcher.output();
        const wrong = dissectFile(file, ['frame.number'], ['-Y', `udp.dstport == 4789 && !(vxlan.vni == ${vni})`]);
        expect(wrong).toEqual([]);
        const ours = ['-Y', `ip.src == ${here(1)} && vxlan.vni == ${vni} && tcp`];
        const packets = dissectFile(file, ['udp.srcport', 'udp.length', 'ip.dst', 'tcp.dstport'], ours);
        expect(packets.length).toBeGreaterThan(2 * (size / 1448 / 2));
        // A flow keeps its source port, from the range for such ports; the outer packet is never beyond its Ethernet.
        const sources = new Map<string, Set<string>>();
        for (const [source, length, destination, innerPort] of packets) {
          expect(destination).toBe(`${there(1)};${inner(1)}`);
          expect(Number(length)).toBeLessThanOrEqual(1480);
          expect(Number(source)).toBeGreaterThanOrEqual(49_152);
          sources.set(innerPort, (sources.get(innerPort) ?? new Set()).add(source));
        }
        expect([...sources.values()].map((ports) => ports.size)).toEqual([...sources].map(() => 1));
      } finally {
        rmSync(folder, { recursive: true });
      }
      for (const port of ports)
        expect(port.counters()).toMatchObject({ errors: noProperties, lanes: [{ dropped: noProperties }] });
    });

    it('are learnt as stations, and as two peers of one port hear this machine but not each other', async () => {
      const [one, two] = machines.all;
      await Promise.all(ports.map((port) => port.close()));
      const shared = await openVxlan({ clock, vni, peers: [there(1), there(2)] });
      const card = new TestCard(1);
      connect(fabric.addPort('card'), card);
      connect(fabric.addPort('both'), shared);
      try {
        one.ip('neigh', 'flush', 'dev', 'vx');
        await expect(one.run('ping', '-c', '2', '-i', '0.2', '-w', '1', inner(2))).rejects.toThrow('100% packet loss');
        expect(shared.counters().receivedDatagrams).toBeGreaterThan(0);
        expect(shared.counters().sentDatagrams).toBe(0);

        const answers = [1, 2].map((number) => {
          const wanted = [...[one, two][number - 1].mac('vx'), ...ipv4(inner(number))];
          return () => card.received.some(({ bytes }) => String(bytes.slice(22, 32)) === String(wanted));
        });
        card.burst([1, 2].map((number) => arpRequest(address(1), ipv4(inner(9)), ipv4(inner(number)))));
        while (!answers.every((came) => came())) await sleep(10);
        expect(shared.counters().sentDatagrams).toBe(4);
        // Each is now where its answer came from.
        card.burst(
          [one, two].map((machine) => arpRequest(address(1), ipv4(inner(9)), ipv4(inner(1)), machine.mac('vx'))),
        );
        expect(shared.counters().sentDatagrams).toBe(6);
      } finally {
        await shared.close();
      }
    });
  });
}

interface Message {
  readonly ready?: true;
  readonly received?: string;
  readonly counters?: VxlanCounters;
}

describe('two processes with a card each', () => {
  const received: string[][] = [[], []];
  const counters: VxlanCounters[] = [];
  let stations: ChildProcess[];

  beforeAll(async () => {
    const script = fileURLToPath(await workerScript(new URL('./vxlanStation.ts', import.meta.url), 'vxlan-station'));
    const addresses = ['127.0.0.2', '127.0.0.3'];
    stations = await Promise.all(
      addresses.map(async (local, i) => {
        const child = fork(script, [local, addresses[1 - i], '47895', `02:00:00:00:00:0${i + 1}`]);
        await once(child, 'message');
        child.on('message', (message: Message) => {
          if (message.received !== undefined) received[i].push(message.received);
          if (message.counters) counters[i] = message.counters;
        });
        return child;
      }),
    );
  });

  afterAll(() => stations.forEach((station) => station.kill()));

  it('send frames of all sizes to each other, all of them once and whole', async () => {
    const frames = [0, 1].map((from) =>
      Array.from({ length: 200 }, (_, n) => bytesOf(2 - from, from + 1, n, 0, 60 + ((n * 37) % 1400))),
    );
    const hex = frames.map((list) => list.map((bytes) => Buffer.from(bytes).toString('hex')));
    stations.forEach((station, i) => station.send({ send: hex[i] }));
    while (received.some((list) => list.length < 200)) await sleep(10);
    const ended = stations.map((station) => once(station, 'exit'));
    for (const station of stations) station.send({ end: true });
    expect((await Promise.all(ended)).map(([code]: unknown[]) => code)).toEqual([0, 0]);
    expect(received.map((list) => list.toSorted())).toEqual([hex[1].toSorted(), hex[0].toSorted()]);
    for (const each of counters) {
      expect(each).toMatchObject({ sentDatagrams: 200, receivedDatagrams: 200, errors: noProperties });
      expect(each.lanes.map(({ dropped }) => dropped)).toEqual([{}]);
    }
  });
});
