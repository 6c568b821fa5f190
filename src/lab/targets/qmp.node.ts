import type { Socket } from 'node:net';

interface Message {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly event?: string;
}

/** QEMU's control protocol: one JSON object a line, commands answered in their order, events in between. */
export class QmpConnection {
  private readonly socket: Socket;
  private readonly answers: { resolve: (value: unknown) => void; reject: (error: Error) => void }[] = [];
  private readonly events: { name: string; resolve: () => void; reject: (error: Error) => void }[] = [];
  private rest = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.receive(text));
    socket.on('error', (error) => this.end(error));
    socket.on('close', () => this.end(new Error('QEMU closed the control socket')));
  }

  /** Leaves the negotiation of capabilities behind, which every connection begins with. */
  async negotiate(): Promise<void> {
    await this.execute('qmp_capabilities');
  }

  execute(command: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const answer = new Promise((resolve, reject) => this.answers.push({ resolve, reject }));
    this.socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    return answer;
  }

  /** The next event of this name. */
  event(name: string): Promise<void> {
    return new Promise((resolve, reject) => this.events.push({ name, resolve, reject }));
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') this.take(JSON.parse(line) as Message);
  }

  private take(message: Message): void {
    if (message.event !== undefined) {
      const index = this.events.findIndex(({ name }) => name === message.event);
      if (index >= 0) this.events.splice(index, 1)[0].resolve();
    } else if (message.error) {
      this.answers.shift()?.reject(new Error(message.error.desc));
    } else if ('return' in message) {
      this.answers.shift()?.resolve(message.return);
    }
  }

  private end(error: Error): void {
    for (const { reject } of [...this.answers.splice(0), ...this.events.splice(0)]) reject(error);
  }
}
