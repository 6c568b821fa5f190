import { createConnection, type Socket } from 'node:net';

import { ClientPort, type ClientPortOptions } from './clientPort.js';
import { SocketWire } from './socketWire.node.js';
import { streamAddressText, type StreamAddress } from './streamAddress.node.js';

export type StreamClientOptions = ClientPortOptions;

/**
 * A port that connects to a stream socket with QEMU's framing, such as that of
 * `-netdev stream,id=n,server=on,addr.type=unix,addr.path=PATH`.
 */
export class StreamClient extends ClientPort {
  private readonly address: StreamAddress;
  private socket: Socket | undefined;

  constructor(address: StreamAddress, options: StreamClientOptions) {
    super(options.name ?? streamAddressText(address), options);
    this.address = address;
    this.dial();
  }

  protected hangUp(): void {
    this.socket?.destroy();
  }

  protected dial(): void {
    const socket = (this.socket = createConnection({ ...this.address, allowHalfOpen: true }));
    let failure: string | undefined;
    const failed = (error: Error): void => void (failure = error.message);
    const notConnected = (): void => this.disconnected(failure);
    socket.once('error', failed);
    socket.once('close', notConnected);
    socket.once('connect', () => {
      socket.off('error', failed);
      socket.off('close', notConnected);
      this.connected(() => new SocketWire(socket, this, (reason) => this.disconnected(reason)));
    });
  }
}
