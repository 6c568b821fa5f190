import { RelayClient, type RelayClientOptions } from './relayClient.js';

/** A port that connects to a WebSocket relay. @throws SyntaxError where the URL is none of `ws:` or `wss:` */
export function openRelay(url: string, options: RelayClientOptions): RelayClient {
  return new RelayClient(url, (to) => new WebSocket(to), options);
}
