import type { Frame } from '../../net/link/frame.js';
import type { Clock } from '../../virtio/clock.js';
import { messageBytes } from './message.js';
import type { Wire, WirePort } from './wirePort.js';

/** What is needed of a WebSocket: a browser's has it, and so have those of Node's libraries. */
export interface WebSocketLike {
  binaryType: string;
  readonly bufferedAmount: number;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
  /** Of libraries only: no more messages for now, and more again. */
  pause?(): void;
  resume?(): void;
  addEventListener(type: 'open', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'error', listener: (event: { readonly message?: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number }) => void): void;
}

/** Bytes that may wait in the process for a WebSocket to take them, and one frame. */
export const webSocketBytes = 1 << 18;

/** How often a full WebSocket is looked at, in milliseconds: it does not tell when it has room. */
const lookInterval = 2;

/** An open WebSocket as the wire of a port: one frame is one binary message, as in v86's `relay_url`. */
export class WebSocketWire implements Wire {
  private readonly socket: WebSocketLike;
  private readonly port: WirePort;
  private readonly clock: Clock;
  private cancelLook: (() => void) | undefined;
  private burst = false;

  constructor(socket: WebSocketLike, port: WirePort, clock: Clock) {
    this.socket = socket;
    this.port = port;
    this.clock = clock;
    socket.addEventListener('message', ({ data }) => this.receive(data));
    socket.addEventListener('close', () => this.cancelLook?.());
    port.open(this);
  }

  write(frame: Frame): boolean {
    if (this.socket.bufferedAmount >= webSocketBytes) {
      this.look();
      return false;
    }
    const message = new Uint8Array(frame.length);
    frame.copy(0, frame.length, message, 0);
    this.socket.send(message);
    return true;
  }

  pause(): void {
    this.socket.pause?.();
  }

  resume(): void {
    this.socket.resume?.();
  }

  private receive(data: unknown): void {
    const bytes = messageBytes(data);
    if (!bytes) {
      this.port.drop('malformed');
      return;
    }
    this.port.receive(bytes);
    if (this.burst) return;
    this.burst = true;
    // With the other messages that came in the same piece.
    void Promise.resolve().then(() => {
      this.burst = false;
      this.port.endOfBurst();
    });
  }

  private look(): void {
    this.cancelLook ??= this.clock.after(lookInterval, () => {
      this.cancelLook = undefined;
      if (this.socket.bufferedAmount >= webSocketBytes / 2) this.look();
      else this.port.writable();
    });
  }
}
