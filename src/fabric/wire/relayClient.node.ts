import { WebSocket } from 'ws';

import { RelayClient, type RelayClientOptions } from './relayClient.js';
import { wireLimits } from './wirePort.js';

/** How long a relay may take to answer, in milliseconds. */
const handshakeTimeout = 10_000;

/** How often the system looks after a connection that is silent, in milliseconds. */
const keepAlive = 15_000;

/** A port that connects to a WebSocket relay. @throws SyntaxError where the URL is none of `ws:` or `wss:` */
export function openRelay(url: string, options: RelayClientOptions): RelayClient {
  const { maxFrameBytes: maxPayload = wireLimits.maxFrameBytes } = options;
  const open = (to: string): WebSocket => {
    const socket = new WebSocket(to, { maxPayload, handshakeTimeout, perMessageDeflate: false });
    socket.on('upgrade', (response) => response.socket.setKeepAlive(true, keepAlive));
    return socket;
  };
  return new RelayClient(url, open, options);
}
