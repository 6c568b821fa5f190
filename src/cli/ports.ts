import { connect, type Fabric, type Port } from '../fabric/index.js';
import { openTap, openVxlan, PortError } from '../fabric/index.node.js';
import type { Clock } from '../virtio/clock.js';
import { UserError } from '../vm/index.node.js';
import { fields } from './fields.js';
import { qemuPort } from './qemuPort.js';
import { relayPort } from './relayPort.js';

/** What a way out of the process needs. */
export interface PortPlace {
  /** Where it is joined. */
  readonly fabric: Fabric;
  readonly clock: Clock;
  /** Of each card. */
  readonly queuePairs: number;
  /** A line for a person: who came and went. */
  readonly note: (text: string) => void;
}

/** What passed a way out, as plain data. */
export interface OuterPortCounters {
  readonly name: string;
}

/** A way out of the process, which has its ports of the switch. */
export interface OuterPort {
  readonly name: string;
  counters(): OuterPortCounters;
  close(): Promise<void>;
  /** The largest packet that it carries, in bytes; undefined where it carries all. */
  readonly mtu?: number;
  /** Tells it how many queue pairs are in use. */
  useLanes?(count: number): void;
  /** A shell command that has a guest make use of it. */
  readonly guestCommand?: string;
  /** What passed it, for people. */
  lines?(): readonly string[];
}

/** What a --port asks for. @throws UserError when it can't be opened like that */
export type PortWish = (place: PortPlace) => Promise<OuterPort>;

export interface PortKind {
  /** In one line, for the help. */
  readonly help: string;
  readonly example: string;
  /** Reads what stands behind the kind. @throws UserError when it makes no sense */
  readonly parse: (address: string) => PortWish;
}

/** What --port can open, by the word before the colon. */
const kinds: Readonly<Record<string, PortKind>> = {
  vxlan: {
    help: 'a VXLAN network over UDP; also peer= again, and mtu=',
    example: 'vxlan:vni=42,peer=10.1.0.2,local=10.1.0.1,port=4789',
    parse: fields(
      { vni: 'number', peer: 'list', local: 'text', port: 'number', mtu: 'number' },
      ['vni', 'peer'],
      (read, place) => single(openVxlan({ clock: place.clock, ...read, vni: read.vni!, peers: read.peer! }), place),
    ),
  },
  tap: {
    help: "a multiqueue tap of this machine's Linux, which ip brings up; also queues=",
    example: 'tap:name=vmq0',
    parse: fields({ name: 'text', queues: 'number' }, ['name'], ({ name, queues }, place) =>
      single(openTap({ clock: place.clock, name: name!, queues: queues ?? place.queuePairs }), place),
    ),
  },
  qemu: qemuPort,
  relay: relayPort,
};

/** A way out that is one port. */
async function single<P extends Port & OuterPort>(opening: Promise<P>, { fabric }: PortPlace): Promise<P> {
  const port = await opening;
  connect(fabric.addPort(port.name), port);
  return port;
}

/** The lines of the help that tell of each kind. */
export const portHelp = Object.values(kinds)
  .map(({ help, example }) => `  ${example}\n      ${help}`)
  .join('\n');

/** Reads a value of --port, and adds it to those before. @throws UserError when it makes no sense */
export function portWish(text: string, before: readonly PortWish[] = []): readonly PortWish[] {
  const colon = text.indexOf(':');
  const word = text.slice(0, Math.max(0, colon));
  const kind = Object.hasOwn(kinds, word) ? kinds[word] : undefined;
  if (!kind) {
    const examples = Object.values(kinds).map(({ example }) => example);
    throw new UserError(`--port takes a kind and an address, such as ${examples.join(' or ')}; '${text}' is neither.`);
  }
  const wish = named(text, () => kind.parse(text.slice(colon + 1)));
  return [...before, (place) => named(text, () => wish(place))];
}

/** Opens all of them; where one can't be opened, none is left open. @throws UserError */
export async function openPorts(wishes: readonly PortWish[], place: PortPlace): Promise<OuterPort[]> {
  const ports: OuterPort[] = [];
  try {
    for (const wish of wishes) ports.push(await wish(place));
    return ports;
  } catch (error) {
    await Promise.all(ports.map((port) => port.close()));
    throw error;
  }
}

/** Says of what goes wrong which --port it is about. */
function named<T>(text: string, work: () => T): T {
  const fail = (error: unknown): never => {
    if (error instanceof PortError) throw new UserError(`--port '${text}': ${error.message}`);
    throw error;
  };
  try {
    const result = work();
    return result instanceof Promise ? (result.catch(fail) as T) : result;
  } catch (error) {
    return fail(error);
  }
}
