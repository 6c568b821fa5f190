import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';

let made = 0;

/** Why there can be no network namespaces here, or undefined when there can. */
export function namespaceObstacle(): string | undefined {
  try {
    new Namespace().remove();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Runs ip of iproute2 in the namespace that this process is in. @throws Error with what it said */
export function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A network namespace of the kernel: a network stack of its own. Its programs run beside the test, not in its way. */
export class Namespace {
  private readonly programs = new Set<ChildProcess>();
  readonly name = `vmq-${process.pid}-${++made}`;

  /** @throws Error where that is not allowed */
  constructor() {
    ip('netns', 'add', this.name);
    this.ip('link', 'set', 'lo', 'up');
  }

  /** Runs ip in it. @throws Error with what it said */
  ip(...args: readonly string[]): string {
    return ip('-n', this.name, ...args);
  }

  /** The address of one of its interfaces. */
  mac(device: string): number[] {
    const [, text] = /link\/ether (\S+)/.exec(this.ip('link', 'show', device)) ?? [];
    return text.split(':').map((byte) => parseInt(byte, 16));
  }

  /** Starts a program in it. */
  start(command: string, ...args: readonly string[]) {
    const child = spawn('ip', ['netns', 'exec', this.name, command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.programs.add(child);
    const stdout = text(child.stdout);
    const said: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (part: string) => said.push(part));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    void ended.then(() => this.programs.delete(child));
    return {
      stop: () => child.kill('SIGINT'),
      /** Until it said this on standard error. */
      said: (words: string): Promise<void> =>
        new Promise((resolve, reject) => {
          const look = (): void => (said.join('').includes(words) ? resolve() : undefined);
          child.stderr.on('data', look);
          void ended.then(() => reject(new Error(`${command} ended: ${said.join('')}`)));
          look();
        }),
      /** What it wrote to standard output until its end. */
      output: async (): Promise<string> => {
        const status = await ended;
        if (status === 0) return stdout;
        throw new Error(`${command} ended with status ${status}: ${said.join('')}${await stdout}`);
      },
    };
  }

  /** Runs a program in it to its end. @throws Error where that fails */
  run(command: string, ...args: readonly string[]): Promise<string> {
    return this.start(command, ...args).output();
  }

  /** Takes it away with all that is in it: it would live on with any program that does. */
  remove(): void {
    for (const program of this.programs) program.kill('SIGKILL');
    ip('netns', 'del', this.name);
  }
}

const receiver = `
const hash = require('crypto').createHash('sha256');
let bytes = 0;
const server = require('net').createServer((socket) => {
  socket.on('data', (data) => { hash.update(data); bytes += data.length; });
  socket.on('end', () => { console.log(bytes, hash.digest('hex')); process.exit(); });
});
server.listen(5001, () => console.error('listening'));
`;

const sender = `
const bytes = Buffer.alloc(+process.argv[2]);
for (let i = 0, x = 1; i < bytes.length; i++) bytes[i] = (x = Math.imul(x, 1103515245) + 12345) >>> 16;
const socket = require('net').connect(5001, process.argv[1], () => socket.end(bytes));
socket.on('close', () => console.log(bytes.length, require('crypto').createHash('sha256').update(bytes).digest('hex')));
`;

/** Sends bytes over TCP from one namespace to an address in another; what was sent, and what came there, with its hash. */
export async function transfer(from: Namespace, to: Namespace, address: string, bytes: number) {
  const receiving = to.start(process.execPath, '-e', receiver);
  await receiving.said('listening');
  const sent = await from.run(process.execPath, '-e', sender, address, String(bytes));
  return { sent, received: await receiving.output() };
}
