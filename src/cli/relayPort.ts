import { connect } from '../fabric/index.js';
import { openRelay, PortError } from '../fabric/index.node.js';
import type { PortKind } from './ports.js';
import { noteChanges } from './qemuPort.js';

/** A WebSocket relay, as v86's cards use with `relay_url`. */
export const relayPort: PortKind = {
  help: "a WebSocket relay, such as 'vmq relay', that v86's own cards use too",
  example: 'relay:ws://127.0.0.1:8087/',
  parse: (url) => {
    if (!/^wss?:\/\/[^/]/.test(url) || !URL.canParse(url) || url.includes('#')) {
      throw new PortError(`a relay is at ws://HOST:PORT/ or wss://HOST:PORT/; '${url}' is neither.`);
    }
    return ({ fabric, clock, note }) => {
      const client = openRelay(url, { clock, name: `relay at ${url}` });
      client.onEvent.on(noteChanges(client.name, note));
      connect(client, fabric.addPort(client.name));
      return Promise.resolve({
        name: client.name,
        counters: () => client.counters(),
        close: () => {
          client.close();
          return Promise.resolve();
        },
      });
    };
  },
};
