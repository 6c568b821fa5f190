import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { StreamServer } from '../../src/fabric/index.node.js';
import { buildGuestImage } from '../../src/vm/index.node.js';
import { listening, startNetwork, type Network } from './network.js';

const fileBytes = 4 << 20;
const prompt = 'guest# ';

/** The same guest image in QEMU, with QEMU's card; its console is the serial port. */
class QemuGuest {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private said = '';
  private heard: () => void = () => undefined;

  constructor(kernel: string, initrd: string, netdev: string) {
    this.child = spawn(
      'qemu-system-i386',
      [
        ...['-accel', 'tcg', '-m', '256', '-nodefaults', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
        ...['-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 mitigations=off cryptomgr.notests'],
        ...['-netdev', `${netdev},id=net0`, '-device', 'virtio-net-pci,netdev=net0,mac=52:54:00:00:00:09'],
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
      this.heard();
    });
    this.child.once('exit', () => this.heard());
  }

  /** Waits until it has said this, and answers what came before; that is then forgotten. */
  async until(text: string): Promise<string> {
    while (!this.said.includes(text)) {
      if (this.child.exitCode !== null) throw new Error(`QEMU ended:\n${this.said}`);
      await new Promise<void>((resolve) => (this.heard = resolve));
    }
    const end = this.said.indexOf(text);
    const before = this.said.slice(0, end);
    this.said = this.said.slice(end + text.length);
    return before;
  }

  /** Runs a command, which has to succeed, and answers its output. */
  async ok(command: string): Promise<string> {
    this.child.stdin.write(`${command} && echo do''ne || echo fai''led\n`);
    const output = await this.until(prompt);
    if (!output.includes('done')) throw new Error(output);
    return output;
  }

  async stop(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}

interface Station {
  readonly ip: string;
  ok(command: string): Promise<string>;
}

/** Carries a file of random bytes by TCP, and sees that it arrives as it was. */
async function copyFile(from: Station, to: Station): Promise<void> {
  await to.ok(`{ nc -l -p 9000 >/tmp/received </dev/null 2>/dev/null & ${listening(9000)}; }`);
  await from.ok(`head -c ${fileBytes} /dev/urandom >/tmp/sent && nc -N ${to.ip} 9000 </tmp/sent`);
  await to.ok('i=0; while pidof nc >/dev/null && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.1; done');
  const [[sent], [received]] = [await from.ok(`sha256sum </tmp/sent`), await to.ok('sha256sum </tmp/received')].map(
    (output) => /[0-9a-f]{64}/.exec(output) ?? ['nothing'],
  );
  expect(received).toBe(sent);
}

let folder: string;
let network: Network;
let server: StreamServer;
let qemu: QemuGuest;

beforeAll(async () => {
  const { kernel, initrd } = await buildGuestImage();
  folder = await mkdtemp(join(tmpdir(), 'vmq-qemu-guest-'));
  network = await startNetwork({ count: 1 });
  server = await StreamServer.listen({ path: join(folder, 'frames') }, network.fabric);
  const netdev = `stream,server=off,addr.type=unix,addr.path=${join(folder, 'frames')}`;
  qemu = new QemuGuest(kernel, initrd, netdev);
  await qemu.until('virtio-mq guest ready');
  await qemu.until(prompt);
  await qemu.ok('ip addr add 10.0.0.9/24 dev eth0 && ip link set eth0 up');
});

afterAll(async () => {
  await qemu?.stop();
  await server?.close();
  await network?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('a QEMU guest and a v86 guest on one switch', () => {
  it('ping each other', async () => {
    expect(await qemu.ok('ping -c 3 -i 0.2 -s 1400 10.0.0.1')).toContain(' 0% packet loss');
    expect(await network.ok(1, 'ping -c 3 -i 0.2 -s 1400 10.0.0.9')).toContain(' 0% packet loss');
  });

  it('speak TCP both ways, and nothing is lost on the way', async () => {
    // What v86's guest sends has segments to be cut and checksums to be filled in, since the socket carries only bytes.
    const v86 = { ok: (command: string) => network.ok(1, command), ip: '10.0.0.1' };
    const other = { ok: (command: string) => qemu.ok(command), ip: '10.0.0.9' };
    await copyFile(v86, other);
    await copyFile(other, v86);
    expect(network.drops()).toEqual([]);
    const [port] = server.counters().ports;
    expect(port.dropped).toEqual({});
    expect(port.inBytes).toBeGreaterThan(fileBytes);
    expect(port.outBytes).toBeGreaterThan(fileBytes);
  });
});
