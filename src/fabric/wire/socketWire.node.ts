import type { Socket } from 'node:net';

import type { Frame } from '../../net/link/frame.js';
import { lengthBytes, StreamFormatError, StreamFrames } from './streamFrames.js';
import type { Wire, WirePort } from './wirePort.js';

/** Bytes that may wait in the process for a socket to take them, and one frame. */
export const socketBytes = 1 << 18;

/** How often the system looks after a TCP connection that is silent, in milliseconds. */
const keepAlive = 15_000;

/**
 * A stream socket with QEMU's framing, as the wire of a port. It is to be made with `allowHalfOpen`: when the other end
 * says that nothing more will come, it stays open until the port has had what came before.
 */
export class SocketWire implements Wire {
  private readonly socket: Socket;
  private readonly frames: StreamFrames;
  private readonly port: WirePort;
  private corked = false;

  /** @param onEnd is called once, when the socket is closed, with the reason where it was an error */
  constructor(socket: Socket, port: WirePort, onEnd: (reason: string | undefined) => void) {
    this.socket = socket;
    this.port = port;
    this.frames = new StreamFrames(port, port.limits.maxFrameBytes);
    let reason: string | undefined;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAlive);
    socket.on('data', (bytes: Uint8Array) => this.take(() => this.frames.push(bytes)));
    socket.on('drain', () => port.writable());
    socket.on('end', () => {
      if (!port.congested) socket.destroy();
    });
    socket.on('error', (error) => (reason = error.message));
    socket.once('close', () => {
      // What is left when it ends in another way is the port's to keep, or to count as lost.
      this.take(() => this.frames.finish());
      onEnd(reason);
    });
    port.open(this);
  }

  write(frame: Frame): boolean {
    const { socket } = this;
    // Whoever says that nothing more will come gets nothing more either, as QEMU does it.
    if (socket.readableEnded) return false;
    // The socket tells when all that it has is gone: there must be something, and more than it likes to have.
    if (socket.writableNeedDrain && socket.writableLength >= socketBytes) {
      this.flush();
      return false;
    }
    if (!this.corked) socket.cork();
    this.corked = true;
    const message = new Uint8Array(lengthBytes + frame.length);
    new DataView(message.buffer).setUint32(0, frame.length);
    frame.copy(0, frame.length, message, lengthBytes);
    socket.write(message);
    return true;
  }

  flush(): void {
    if (!this.corked) return;
    this.corked = false;
    this.socket.uncork();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.take(() => this.frames.go());
    if (this.port.congested) return;
    if (this.socket.readableEnded) this.socket.destroy();
    else this.socket.resume();
  }

  close(): void {
    this.socket.destroy();
  }

  private take(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof StreamFormatError)) throw error;
      this.port.drop('malformed');
      this.socket.destroy(error);
    }
    this.port.endOfBurst();
  }
}
