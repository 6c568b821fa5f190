import { isIP } from 'node:net';
import { connect, Gateway, type Forward, type ForwardCounters, type GatewayCounters } from '../fabric/index.js';
import { openForward, PortError } from '../fabric/index.node.js';
import { UserError } from '../vm/index.node.js';
import { guestAddress, guestMac } from '../vm/guestAddress.js';
import { lastGuest, type GuestNumbers } from './guestNumbers.js';
import type { OuterPort, PortPlace, PortWish } from './ports.js';

/** What a --forward asks for. */
export interface ForwardWish {
  /** As it was given. */
  readonly text: string;
  readonly protocol: 'tcp' | 'udp';
  readonly host: string | undefined;
  readonly port: number;
  /** Guests count from 1. */
  readonly guest: number;
  readonly guestPort: number;
}

/** What --gateway and --forward ask for together. */
export interface GatewaySettings {
  /** As it was given, if it was. */
  readonly address: string | undefined;
  readonly forwards: readonly ForwardWish[];
  readonly guests: GuestNumbers;
  readonly mtu: number | undefined;
}

const forwardPattern = /^(?:(\[[^\]]+\]|[^:[\]]+):)?(\d{1,5}):(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/;

/** Reads a value of --forward, and adds it to those before. @throws UserError when it makes no sense */
export function forwardWish(text: string, before: readonly ForwardWish[] = []): readonly ForwardWish[] {
  const [, address, port, guest, guestPort, protocol = 'tcp'] = forwardPattern.exec(text) ?? [];
  const host = address?.replace(/^\[|\]$/g, '');
  const ports = [Number(port), Number(guestPort)];
  if (guest === undefined || (host !== undefined && isIP(host) === 0) || ports.some((n) => n < 1 || n > 65_535)) {
    throw new UserError(
      '--forward takes [ADDRESS:]PORT:GUEST:PORT, and /udp behind it for UDP, such as 8080:1:80; ' +
        `'${text}' is not like that.`,
    );
  }
  const wish = { host, port: ports[0], guest: Number(guest), guestPort: ports[1], protocol: protocol as 'tcp' | 'udp' };
  return [...before, { text, ...wish }];
}

/** The way out that --gateway and --forward ask for. @throws UserError when they make no sense */
export function gatewayPort(settings: GatewaySettings): PortWish {
  const { forwards, guests } = settings;
  const address = gatewayAddress(settings);
  for (const { text, guest } of forwards) guests.check(`--forward ${text}`, guest);
  return (place) => openGateway(address, settings, place);
}

/** The last address that no guest has, where nothing else is said. */
function gatewayAddress({ address, guests }: GatewaySettings): string {
  const { first, last } = guests;
  const usual = last < lastGuest ? lastGuest : first - 1;
  if (usual === 0) throw new UserError('A gateway needs an address, and the guests have them all; start fewer.');
  const number = address === undefined ? usual : Number(/^10\.0\.0\.(\d{1,3})$/.exec(address)?.[1]);
  if (!(number >= 1 && number <= lastGuest)) {
    throw new UserError(`--gateway takes an address of the guests' network, such as 10.0.0.254; '${address}' is none.`);
  }
  if (number < first || number > last) return guestAddress(number);
  throw new UserError(`${address} is guest ${number}'s; leave out the address of --gateway, or give another.`);
}

async function openGateway(
  address: string,
  { forwards: wishes, guests, mtu }: GatewaySettings,
  { fabric, clock, note }: PortPlace,
): Promise<OuterPort> {
  const { first, last } = guests;
  const hosts = Array.from({ length: last - first + 1 }, (_, index) => first + index).map((guest) => ({
    address: guestAddress(guest),
    mac: guestMac(guest),
    // Guests call themselves vm1, vm2, …
    names: [`guest${guest}`, `vm${guest}`],
  }));
  const gateway = new Gateway({ clock, address: `${address}/24`, hosts, mtu: Math.max(leastMtu, mtu ?? usualMtu) });
  const forwards: Forward[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(forwards.map((forward) => forward.close()));
    gateway.close();
  };
  try {
    for (const wish of wishes) {
      forwards.push(await open(gateway, wish));
      note(
        `${wish.protocol.toUpperCase()} to ${forwards.at(-1)!.from} goes to port ${wish.guestPort} of guest ${wish.guest}.`,
      );
    }
  } catch (error) {
    await close();
    throw error;
  }
  connect(gateway, fabric.addPort(gateway.name));
  const counters = (): GatewayReport => ({
    ...gateway.counters(),
    forwards: forwards.map((forward) => forward.counters()),
  });
  return {
    name: gateway.name,
    counters,
    close,
    guestCommand: nameServerCommand(address),
    lines: () => lines(counters()),
  };
}

/** What passed the gateway and its forwards, as plain data. */
export interface GatewayReport extends GatewayCounters {
  readonly forwards: readonly ForwardCounters[];
}

async function open(gateway: Gateway, { text, protocol, host, port, guest, guestPort }: ForwardWish): Promise<Forward> {
  try {
    const to = guestAddress(guest);
    return await openForward(gateway, { protocol, port, to, toPort: guestPort, ...(host !== undefined && { host }) });
  } catch (error) {
    if (error instanceof PortError) throw new UserError(`--forward ${text}: ${error.message}`);
    throw error;
  }
}

/** Has a guest ask the gateway for names. One that has no place for that goes without. */
function nameServerCommand(address: string): string {
  return `printf 'nameserver ${address}\\nsearch internal\\n' 2>/dev/null >/etc/resolv.conf; true`;
}

/** For people, at the end. */
function lines({ address, dhcp, dns, echoes, dropped, forwards }: GatewayReport): string[] {
  const lost = Object.entries(dropped).map(([reason, count]) => `${reason} ${count}`);
  return [
    `Gateway ${address}: ${dhcp.leases} leases, ${dns.queries} names asked for, ${echoes} pings, dropped: ${lost.join(', ') || 'none'}`,
    ...forwards.map((forward) => forwardLine(forward)),
  ];
}

function forwardLine({
  protocol,
  from,
  to,
  connections,
  toStationBytes,
  fromStationBytes,
  failed,
}: ForwardCounters): string {
  const failures = Object.entries(failed).map(([reason, count]) => `, ${reason} ${count}`);
  const what = protocol === 'tcp' ? 'connections' : 'senders';
  return `${protocol} ${from} to ${to}: ${connections} ${what}, ${toStationBytes} bytes there and ${fromStationBytes} back${failures.join('')}`;
}

/** What guests' interfaces have where nothing else is said, and what the gateway has at least. */
const usualMtu = 1500;
const leastMtu = 576;
