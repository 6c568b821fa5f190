import { createServer, type Server, type Socket } from 'node:net';

import type { Width } from '../../driver/machine.js';

const suffix: Readonly<Record<Width, string>> = { 1: 'b', 2: 'w', 4: 'l' };

/** QEMU's test protocol: lines of text on a socket, answered in their order; what starts with IRQ comes by itself. */
export class QtestConnection {
  /** By input of the interrupt controller that `interceptInterrupts` named. */
  readonly asserted = new Set<number>();
  private readonly socket: Socket;
  private readonly waiting: { resolve: (answer: string) => void; reject: (error: Error) => void }[] = [];
  private rest = '';
  private readonly explain: (error: Error) => Promise<Error>;
  private ended: Promise<Error> | undefined;

  /** @param explain finds out why the socket broke */
  constructor(socket: Socket, explain: (error: Error) => Promise<Error>) {
    this.explain = explain;
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.receive(text));
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new Error('QEMU closed the test socket')));
  }

  async command(line: string): Promise<string> {
    if (this.ended) throw await this.ended;
    const answer = new Promise<string>((resolve, reject) => this.waiting.push({ resolve, reject }));
    this.socket.write(`${line}\n`);
    return answer;
  }

  async readPort(port: number, width: Width): Promise<number> {
    return Number(await this.command(`in${suffix[width]} ${hex(port)}`));
  }

  async writePort(port: number, width: Width, value: number): Promise<void> {
    await this.command(`out${suffix[width]} ${hex(port)} ${hex(value)}`);
  }

  async read(address: number, width: Width): Promise<number> {
    return Number(await this.command(`read${suffix[width]} ${hex(address)}`));
  }

  async write(address: number, width: Width, value: number): Promise<void> {
    await this.command(`write${suffix[width]} ${hex(address)} ${hex(value)}`);
  }

  async readBytes(address: number, length: number): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array(0);
    const answer = await this.command(`read ${hex(address)} ${hex(length)}`);
    return Uint8Array.from({ length }, (_, i) => Number.parseInt(answer.slice(2 + 2 * i, 4 + 2 * i), 16));
  }

  async writeBytes(address: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    await this.command(`write ${hex(address)} ${hex(bytes.length)} 0x${digits}`);
  }

  async interceptInterrupts(path: string): Promise<void> {
    await this.command(`irq_intercept_in ${path}`);
  }

  /** Once through QEMU's main loop. */
  async roundTrip(): Promise<void> {
    await this.command('readb 0x0');
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.take(line.trim());
  }

  private take(line: string): void {
    const [word, ...rest] = line.split(' ');
    if (word === 'IRQ') {
      if (rest[0] === 'raise') this.asserted.add(Number(rest[1]));
      else this.asserted.delete(Number(rest[1]));
      return;
    }
    const waiting = this.waiting.shift();
    if (word === 'OK') waiting?.resolve(rest.join(' '));
    else waiting?.reject(new Error(`QEMU's test protocol answered: ${line}`));
  }

  private end(error: Error): void {
    this.ended ??= this.explain(error);
    const waiting = this.waiting.splice(0);
    void this.ended.then((reason) => {
      for (const { reject } of waiting) reject(reason);
    });
  }
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** Waits on a Unix socket for one connection. */
export async function acceptOne(path: string): Promise<{ readonly server: Server; readonly socket: Promise<Socket> }> {
  const server = createServer();
  const socket = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return { server, socket };
}
