import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';

import { QmpConnection } from '../../../src/lab/targets/qmp.node.js';
import { acceptOne } from '../../../src/lab/targets/qtest.node.js';
import { GuestConsole } from '../../../src/vm/console.js';
import { UserError } from '../../../src/vm/errors.js';
import { defaultMemoryMiB, kernelCommandLine } from '../../../src/vm/guest.js';
import type { GuestImage } from '../../../src/vm/index.node.js';
import { Shell } from '../../../src/vm/shell.js';
import type { Machine } from './machine.js';

export interface QemuGuestOptions {
  readonly image: GuestImage;
  /** A folder for its sockets, and a name in it. */
  readonly folder: string;
  readonly name: string;
  /** Of -netdev, without its id. */
  readonly netdev: string;
  /** Properties of virtio-net-pci. */
  readonly card: string;
  /** What QEMU is started by: a command that runs it in a network namespace. */
  readonly launcher?: readonly string[];
}

export interface QemuMachine extends Machine {
  /** Processor time that QEMU has used, in seconds. */
  cpuSeconds(): Promise<number>;
}

export const qemuProgram = 'qemu-system-i386';
const bootMs = 300_000;

/** Clock ticks a second in /proc, which are the same on all of Linux's machines. */
const ticks = 100;

/** Boots the project's guest image in QEMU, translated (TCG), with QEMU's virtio card. @throws UserError where there is no QEMU */
export async function bootQemu({
  image,
  folder,
  name,
  netdev,
  card,
  launcher = [],
}: QemuGuestOptions): Promise<QemuMachine> {
  const control = await acceptOne(join(folder, `${name}.qmp`));
  const [command, ...args] = [
    // Whatever becomes of this process, QEMU ends with it.
    ...[...launcher, 'setpriv', '--pdeathsig', 'KILL', qemuProgram],
    ...['-accel', 'tcg', '-m', String(defaultMemoryMiB), '-nodefaults', '-display', 'none', '-no-reboot'],
    ...['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    ...['-qmp', `unix:${join(folder, `${name}.qmp`)}`],
    ...['-kernel', image.kernel, '-initrd', image.initrd, '-append', kernelCommandLine()],
    ...['-netdev', `${netdev},id=net0`, '-device', `virtio-net-pci,netdev=net0,${card}`],
  ];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const console = new GuestConsole({
    send: (bytes) => void child.stdin.write(bytes),
    onBytes: (listener) => {
      child.stdout.on('data', listener);
      return () => child.stdout.off('data', listener);
    },
  });
  child.stdin.on('error', () => undefined); // It ended; `ended` tells.
  const ended = once(child, 'close').then(() => console.close(`QEMU ended: ${said.trim()}`));
  ended.catch((error: unknown) => console.close(`QEMU can't be started: ${String(error)}`));

  let qmp: QmpConnection | undefined;
  const stop = async (): Promise<void> => {
    console.close('The guest was stopped.');
    qmp?.close();
    control.server.close();
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended.catch(() => undefined);
  };
  try {
    const socket = await Promise.race([
      control.socket,
      console.ended.then((error): Promise<Socket> => Promise.reject(error)),
    ]);
    qmp = new QmpConnection(socket);
    await qmp.negotiate();
    const shell = new Shell(console);
    await console.waitFor(/virtio-mq guest ready[^]*[#$] $/, { timeoutMs: bootMs });
    await shell.quiet();
    const execute = (what: string) => async (): Promise<void> => {
      await qmp!.execute(what);
    };
    return {
      pause: execute('stop'),
      resume: execute('cont'),
      run: (what, options) => shell.run(what, options),
      stop,
      cpuSeconds: () => cpuSeconds(child.pid!),
    };
  } catch (error) {
    await stop();
    throw said === '' ? error : new UserError(`QEMU did not start: ${said.trim()}`);
  }
}

/** What a process and its threads have used, in seconds (proc(5), stat: utime and stime). */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name before may hold anything, spaces too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticks;
}
