import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Machine, Width } from '../../driver/machine.js';
import { readPciConfig, writePciConfig } from '../../driver/pciConfig.js';
import { UserError } from '../../vm/errors.js';
import { QmpConnection } from './qmp.node.js';
import { acceptOne, QtestConnection } from './qtest.node.js';
import { StreamWire } from './streamWire.node.js';
import { TargetEnded, type Target, type Wire } from './target.js';

export interface QemuOptions {
  /** Properties of `virtio-net-pci`: { packed: true, rss: true }. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  /** The program; `qemu-system-x86_64` when left out. */
  readonly program?: string;
}

/** What a QEMU card is connected to. */
export interface Backend {
  /** Arguments of `-netdev`; the one with `id=net0` is the card's. */
  readonly netdevs: readonly string[];
  /** Ready when QEMU has connected to it. */
  readonly wire: Promise<Wire>;
  close(): Promise<void>;
}

const memoryMiB = 32;

/** PIIX3's ISA bridge, and its registers that say which interrupt each of the bus's four lines is (PIRQRC). */
const isaBridge = { bus: 0, slot: 1, function: 0 };
const routes = 0x60;
const lineInterrupts = [5, 9, 10, 11] as const;

/** How long a QEMU that ends may take to say why, in milliseconds. */
const patience = 1000;

/** How often QEMU's main loop goes round while we wait for what it has begun. */
const settleRounds = 4;

/**
 * QEMU's `pc` machine at the other end of a test socket. It is started with the ordinary emulated processor, since not
 * every QEMU has the accelerator `qtest`; its firmware is one that halts at once. Its time is real time.
 */
export class QemuMachine implements Machine {
  readonly name = 'qemu';
  readonly ram = { start: 0x100000, end: memoryMiB << 20 };
  readonly memoryWindow = { start: 0xe0000000, end: 0xf0000000 };
  readonly portWindow = { start: 0xc000, end: 0xd000 };
  private readonly qtest: QtestConnection;

  constructor(qtest: QtestConnection) {
    this.qtest = qtest;
  }

  /** Routes the bus's interrupt lines, which firmware would do, and asks to be told of them. */
  async prepare(): Promise<void> {
    await this.qtest.interceptInterrupts('ioapic');
    for (const [line, interrupt] of lineInterrupts.entries()) {
      await writePciConfig(this, isaBridge, routes + line, 1, interrupt);
    }
    await readPciConfig(this, isaBridge, routes, 4);
  }

  readPort(port: number, width: Width): Promise<number> {
    return this.qtest.readPort(port, width);
  }

  writePort(port: number, width: Width, value: number): Promise<void> {
    return this.qtest.writePort(port, width, value);
  }

  read(address: number, width: Width): Promise<number> {
    return this.qtest.read(address, width);
  }

  write(address: number, width: Width, value: number): Promise<void> {
    return this.qtest.write(address, width, value);
  }

  readBytes(address: number, length: number): Promise<Uint8Array> {
    return this.qtest.readBytes(address, length);
  }

  writeBytes(address: number, bytes: Uint8Array): Promise<void> {
    return this.qtest.writeBytes(address, bytes);
  }

  async lineAsserted(): Promise<boolean> {
    // A command's answer comes behind what was told of interrupts before it.
    await this.qtest.roundTrip();
    return lineInterrupts.some((interrupt) => this.qtest.asserted.has(interrupt));
  }

  async settle(): Promise<void> {
    for (let round = 0; round < settleRounds; round++) {
      await this.qtest.roundTrip();
      await sleep(1);
    }
  }

  async advance(milliseconds: number): Promise<void> {
    await sleep(milliseconds);
    await this.settle();
  }
}

/**
 * A QEMU with one virtio network card on a Unix socket, driven over its test protocol.
 * @throws UserError when QEMU is not installed, or does not know what was asked of it
 */
export async function qemu(options: QemuOptions = {}): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'vmq-qemu-'));
  const accepted = await acceptOne(join(folder, 'frames'));
  const sockets: Socket[] = [];
  return qemuOn(
    {
      netdevs: [`stream,id=net0,server=off,addr.type=unix,addr.path=${join(folder, 'frames')}`],
      wire: accepted.socket.then((socket) => {
        sockets.push(socket);
        return new StreamWire(socket);
      }),
      close: async () => {
        for (const socket of sockets) socket.destroy();
        accepted.server.close();
        await rm(folder, { recursive: true, force: true });
      },
    },
    options,
  );
}

/** A QEMU whose card is connected to this backend, which is closed with it. */
export async function qemuOn(
  backend: Backend,
  options: QemuOptions = {},
  launcher: readonly string[] = [],
): Promise<Target> {
  const program = options.program ?? 'qemu-system-x86_64';
  const folder = await mkdtemp(join(tmpdir(), 'vmq-qtest-'));
  const firmware = join(folder, 'firmware');
  await writeFile(firmware, haltingFirmware());
  const test = await acceptOne(join(folder, 'qtest'));
  const control = await acceptOne(join(folder, 'qmp'));
  const properties = Object.entries(options.properties ?? {}).map(([name, value]) => `${name}=${property(value)}`);
  const device = [
    'virtio-net-pci',
    'id=card0',
    'netdev=net0',
    'addr=0x4',
    'mac=52:54:00:12:34:56',
    'romfile=',
    ...properties,
  ];
  const [command, ...argumentsOf] = [
    ...launcher,
    program,
    ...[
      '-machine',
      'pc',
      '-accel',
      'tcg',
      '-m',
      String(memoryMiB),
      '-nodefaults',
      '-display',
      'none',
      '-bios',
      firmware,
    ],
    ...backend.netdevs.flatMap((netdev) => ['-netdev', netdev]),
    ...['-device', device.join(',')],
    ...['-qtest', `unix:${join(folder, 'qtest')}`, '-qtest-log', '/dev/null'],
    ...['-qmp', `unix:${join(folder, 'qmp')},server=off`],
  ];
  const child = spawn(command, argumentsOf, { stdio: ['ignore', 'ignore', 'pipe'] });
  const failed = failure(child, program);
  const close = async (): Promise<void> => {
    await ended(child);
    test.server.close();
    control.server.close();
    await backend.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const qtest = new QtestConnection(await Promise.race([test.socket, failed]), (error) => lastWords(failed, error));
    const qmp = new QmpConnection(await Promise.race([control.socket, failed]));
    const wire = await Promise.race([backend.wire, failed]);
    const machine = new QemuMachine(qtest);
    await qmp.negotiate();
    await machine.prepare();
    return {
      machine,
      wire,
      setLink: async (up) => {
        await qmp.execute('set_link', { name: 'card0', up });
      },
      reset: async () => {
        const done = qmp.event('RESET');
        await qmp.execute('system_reset');
        await done;
        await machine.prepare();
      },
      announce: async () => {
        // Once, and at once.
        await qmp.execute('announce-self', { initial: 1, max: 1, rounds: 1, step: 1 });
      },
      close: async () => {
        qtest.close();
        qmp.close();
        await close();
      },
    };
  } catch (error) {
    const reason = error instanceof Error ? await lastWords(failed, error) : error;
    await close();
    throw reason instanceof TargetEnded ? new UserError(reason.message) : reason;
  }
}

/** 64 KiB up to the end of the first MiB, with `cli; hlt; jmp hlt` where the processor starts. */
function haltingFirmware(): Uint8Array {
  const bytes = new Uint8Array(0x10000);
  bytes.set([0xfa, 0xf4, 0xeb, 0xfd], 0xfff0);
  return bytes;
}

function property(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
}

/** Rejects when QEMU can't be started, or ends. */
function failure(child: ChildProcess, program: string): Promise<never> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const promise = new Promise<never>((_, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'ENOENT'
          ? new UserError(`There is no ${program} here: install it with "apt-get install qemu-system-x86".`)
          : error,
      );
    });
    child.once('close', (code, signal) => {
      const reason = said.trim().split('\n').at(-1) ?? '';
      const how = signal ? `was ended by ${signal}` : `ended with status ${code ?? 'none'}`;
      reject(new TargetEnded(reason === '' ? `${program} ${how}` : `${program} ${how}: ${reason}`));
    });
  });
  // What nobody waits for any more is no failure of the process.
  promise.catch(() => undefined);
  return promise;
}

/** Why QEMU ended: its sockets break first, and then it says it. */
async function lastWords(failed: Promise<never>, error: Error): Promise<Error> {
  const said = failed.catch((reason: unknown) => (reason instanceof Error ? reason : error));
  // The wait alone keeps no process alive that is done.
  return Promise.race([said, sleep(patience, error, { ref: false })]);
}

function ended(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('close', () => resolve());
    child.kill('SIGKILL');
  });
}
