import { spawn } from 'node:child_process';

import type { SerialLine } from '../../src/vm/console.js';

/** A serial line with a test at its other end. */
export class FakeLine implements SerialLine {
  /** What was typed. */
  typed = '';
  /** Called with what is typed from now on. */
  onTyped: (text: string) => void = () => undefined;
  private listener: (bytes: Uint8Array) => void = () => undefined;

  send(bytes: Uint8Array): void {
    const text = new TextDecoder().decode(bytes);
    this.typed += text;
    this.onTyped(text);
  }

  onBytes(listener: (bytes: Uint8Array) => void): () => void {
    this.listener = listener;
    return () => (this.listener = () => undefined);
  }

  /** The guest shows this. */
  show(content: string | Uint8Array): void {
    this.listener(typeof content === 'string' ? new TextEncoder().encode(content) : content);
  }
}

/** A line to this machine's own sh, over pipes. What a terminal does with Ctrl-C is done here. */
export function shellLine(): SerialLine & { end(): void; sent: number[] } {
  // One pipe for both outputs, so that they come in their order.
  const child = spawn('sh', ['-c', 'exec sh 2>&1'], { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  // An interactive shell, which this is not, survives Ctrl-C by itself.
  child.stdin.write('trap : INT\n');
  const sent: number[] = [];
  return {
    sent,
    send(bytes) {
      sent.push(bytes.length);
      if (bytes[0] === 0x03) process.kill(-child.pid!, 'SIGINT');
      else child.stdin.write(bytes);
    },
    onBytes(listener) {
      child.stdout.on('data', listener);
      return () => child.stdout.off('data', listener);
    },
    end: () => child.kill('SIGKILL'),
  };
}

/** Lets everything happen that waits for nothing. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
