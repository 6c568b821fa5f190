import {
  connect,
  leastRingBytes,
  newSleepWord,
  SharedNode,
  sharedLink,
  type LinkEnd,
  type LinkOptions,
  type PortLosses,
  type SharedPortCounters,
  type SleepWord,
  type Switch,
  type SwitchPort,
} from '../../fabric/index.js';

/** A thread of the mesh as whoever joins them sees it. */
export interface Member {
  readonly asleep: SleepWord;
  /** Takes its end of a link to another member; that end's bell is given away with it. */
  addLink(name: string, end: LinkEnd): Promise<void>;
  /** Ends the link to a member that failed and can't end it itself. */
  removeLink(name: string): Promise<void>;
  /** Settles when its thread breaks. */
  readonly failed: Promise<unknown>;
}

/** Links between threads pass each other nothing: every member has one to every other. */
const group = 'mesh';

/** A thread's switch, and its links to those of the others. */
export class MeshNode {
  readonly shared: SharedNode;
  private readonly fabric: Switch;
  private readonly uplinks: SwitchPort[] = [];
  /** What the links' own ends lost. */
  private readonly lost: PortLosses[] = [];

  constructor(asleep: SleepWord, fabric: Switch) {
    this.shared = new SharedNode(asleep);
    this.fabric = fabric;
  }

  addLink(name: string, end: LinkEnd): void {
    const uplink = this.fabric.addPort(name, { group });
    const port = this.shared.addPort(name, end);
    this.uplinks.push(uplink);
    this.lost.push(port.lost);
    connect(port, uplink);
  }

  /** Ends the link to a thread that broke. */
  removeLink(name: string): void {
    for (const port of this.shared.ports) if (port.name === name) port.otherBroke();
  }

  /** What passed the links that there are. */
  links(): ({ name: string } & SharedPortCounters)[] {
    return this.shared.ports.map(({ name, counters }) => ({ name, ...counters }));
  }

  /** What was lost between here and the other threads, on links that have ended too: at either side of each. */
  uplinkLosses(): PortLosses[] {
    return [...this.uplinks.map((port) => port.counters()), ...this.lost];
  }
}

/** The thread that started the others: it sleeps in its event loop, and is woken for what comes in. */
export class LocalMember implements Member {
  readonly asleep = newSleepWord();
  readonly failed = new Promise<never>(() => undefined);
  private readonly node: MeshNode;

  constructor(fabric: Switch) {
    this.node = new MeshNode(this.asleep, fabric);
  }

  addLink(name: string, end: LinkEnd): Promise<void> {
    this.node.addLink(name, end);
    return Promise.resolve();
  }

  removeLink(name: string): Promise<void> {
    this.node.removeLink(name);
    return Promise.resolve();
  }
}

/** Joins every member with every other, and lets the others know when one of them breaks. */
export async function mesh(members: ReadonlyMap<string, Member>, lanes: number): Promise<void> {
  const options = ringsFor(members.size, lanes);
  const joined: [string, Member][] = [];
  for (const [name, member] of members) {
    for (const [otherName, other] of joined) {
      const { port1, port2 } = new MessageChannel();
      const ends = sharedLink(options, [member.asleep, other.asleep], [port1, port2]);
      await member.addLink(otherName, ends[0]);
      await other.addLink(name, ends[1]);
      // One that is gone as well can't be told.
      const part = (from: Member, gone: string): void => void from.removeLink(gone).catch(() => undefined);
      void member.failed.then(() => part(other, name));
      void other.failed.then(() => part(member, otherName));
    }
    joined.push([name, member]);
  }
}

/** All rings together take no more than this, as long as each can hold a frame. */
const allRingsBytes = 1 << 28;
const mostRingBytes = 1 << 20;

/** The rings of each link: smaller ones where there are many, and where that is not enough several lanes share one. */
export function ringsFor(members: number, wanted: number): LinkOptions {
  const links = members * (members - 1);
  let [lanes, ringBytes] = [wanted, mostRingBytes];
  while (ringBytes > leastRingBytes && links * lanes * ringBytes > allRingsBytes) ringBytes /= 2;
  while (lanes > 1 && links * lanes * ringBytes > allRingsBytes) lanes = Math.ceil(lanes / 2);
  return { lanes, ringBytes };
}
