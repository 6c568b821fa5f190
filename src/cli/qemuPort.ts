import { connect, type ServerEvent, type WireEvent } from '../fabric/index.js';
import {
  parseStreamAddress,
  PortError,
  StreamClient,
  StreamServer,
  streamAddressText,
  type StreamAddress,
} from '../fabric/index.node.js';
import type { OuterPort, PortKind, PortPlace, PortWish } from './ports.js';

const ways: Readonly<Record<string, (address: StreamAddress) => PortWish>> = {
  listen: (address) => (place) => openServer(address, place),
  connect: (address) => (place) => Promise.resolve(openClient(address, place)),
};

/** QEMU's stream socket framing: `-netdev stream`, and `-netdev socket` over TCP. */
export const qemuPort: PortKind = {
  help: "QEMU's -netdev stream or socket, on HOST:PORT or a path; or qemu:connect:",
  example: 'qemu:listen:127.0.0.1:4000',
  parse: (text) => {
    const [, word = '', rest = ''] = /^([^:]*):?(.*)$/s.exec(text) ?? [];
    const way = Object.hasOwn(ways, word) ? ways[word] : undefined;
    if (!way) throw new PortError('it takes qemu:listen: or qemu:connect:, and then an address.');
    const address = parseStreamAddress(rest);
    if (!address || (word === 'connect' && 'port' in address && address.port === 0)) {
      throw new PortError(`an address is HOST:PORT, or a path with a slash; '${rest}' is neither.`);
    }
    return way(address);
  },
};

async function openServer(address: StreamAddress, { fabric, note }: PortPlace): Promise<OuterPort> {
  const server = await StreamServer.listen(address, fabric);
  const name = `qemu at ${server.address}`;
  note(`QEMU may connect to ${server.address}.`);
  server.onEvent.on((event) => note(serverText(name, event)));
  return { name, counters: () => ({ name, ...server.counters() }), close: () => server.close() };
}

function openClient(address: StreamAddress, { fabric, clock, note }: PortPlace): OuterPort {
  const client = new StreamClient(address, { clock, name: `qemu at ${streamAddressText(address)}` });
  client.onEvent.on(noteChanges(client.name, note));
  connect(client, fabric.addPort(client.name));
  return {
    name: client.name,
    counters: () => client.counters(),
    close: () => {
      client.close();
      return Promise.resolve();
    },
  };
}

/** Tells of the first failure of a row, and of what ends it. */
export function noteChanges(name: string, note: (text: string) => void): (event: WireEvent) => void {
  let before: WireEvent['kind'] | undefined;
  return (event) => {
    if (event.kind === before) return;
    before = event.kind;
    const reason = event.kind === 'disconnected' && event.reason ? ` (${event.reason})` : '';
    if (event.kind === 'connected') note(`Connected to ${name}.`);
    else note(`There is no connection to ${name}${reason}; it is tried again and again.`);
  };
}

/** What a server tells of a connection, in a line. */
export function serverText(server: string, event: ServerEvent): string {
  if (event.kind === 'accepted') return `${event.name} is connected to ${server}.`;
  if (event.kind === 'refused') return `${event.name} was turned away from ${server}: ${event.reason}.`;
  return `${event.name} left ${server}${event.reason ? ` (${event.reason})` : ''}.`;
}
