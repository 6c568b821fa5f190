import type { Socket } from 'node:net';

import type { Wire, WireFrame } from './target.js';

const lengthBytes = 4;

/** QEMU's stream and socket backends: each frame has its length before it, 32 bits, big-endian. */
export class StreamWire implements Wire {
  private readonly socket: Socket;
  private received: WireFrame[] = [];
  private rest: Uint8Array = new Uint8Array(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Uint8Array) => this.receive(bytes));
    socket.on('error', () => undefined);
  }

  async send(...frames: readonly Uint8Array[]): Promise<void> {
    for (const frame of frames) {
      const message = new Uint8Array(lengthBytes + frame.length);
      new DataView(message.buffer).setUint32(0, frame.length);
      message.set(frame, lengthBytes);
      await new Promise<void>((resolve, reject) => {
        this.socket.write(message, (error) => (error ? reject(error) : resolve()));
      });
    }
  }

  take(): Promise<WireFrame[]> {
    const received = this.received;
    this.received = [];
    return Promise.resolve(received);
  }

  private receive(bytes: Uint8Array): void {
    const all = new Uint8Array(this.rest.length + bytes.length);
    all.set(this.rest);
    all.set(bytes, this.rest.length);
    let at = 0;
    while (at + lengthBytes <= all.length) {
      const length = new DataView(all.buffer).getUint32(at);
      if (at + lengthBytes + length > all.length) break;
      this.received.push({ bytes: all.slice(at + lengthBytes, at + lengthBytes + length) });
      at += lengthBytes + length;
    }
    this.rest = all.slice(at);
  }
}
