import { read16, read32, write16, write32 } from '../../../net/link/words.js';

/** Kinds of messages (RFC 2132, 9.6). */
export const kind = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8 } as const;

/** Options (RFC 2132). */
export const option = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  domainNameServer: 6,
  hostName: 12,
  domainName: 15,
  mtu: 26,
  broadcast: 28,
  requestedAddress: 50,
  leaseTime: 51,
  messageType: 53,
  serverIdentifier: 54,
  message: 56,
  renewalTime: 58,
  rebindingTime: 59,
  clientIdentifier: 61,
  end: 255,
} as const;

/** Offsets of the fields of a message (RFC 2131, 2). */
const field = { op: 0, htype: 1, hlen: 2, xid: 4, flags: 10, ciaddr: 12, yiaddr: 16, giaddr: 24, chaddr: 28 } as const;
const cookieAt = 236;
const optionsAt = 240;
const cookie = 0x63825363;
const bootRequest = 1;
const bootReply = 2;
const ethernet = 1;
const broadcastFlag = 0x8000;
/** What every client can take (RFC 1542, 2.1), some of which can take no less. */
const leastBytes = 300;
/** No client says more, in bytes of a message and of an option that is put together. It bounds what a message costs to read. */
const mostBytes = 1500;
const mostOptionBytes = 255;

/** What a client says. */
export interface DhcpRequest {
  readonly kind: number;
  readonly xid: number;
  /** It can't take what is sent to its address alone before it has that. */
  readonly broadcast: boolean;
  /** The address that it has. */
  readonly clientAddress: number;
  readonly relay: number;
  readonly mac: Uint8Array;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Reads a message of a client on an Ethernet (RFC 2131, 2); undefined where it is none, or larger than those are. */
export function readRequest(bytes: Uint8Array): DhcpRequest | undefined {
  if (bytes.length < optionsAt || bytes.length > mostBytes || read32(bytes, cookieAt) !== cookie) return undefined;
  if (bytes[field.op] !== bootRequest || bytes[field.htype] !== ethernet || bytes[field.hlen] !== 6) return undefined;
  const options = readOptions(bytes);
  const type = options?.get(option.messageType);
  if (!options || type?.length !== 1) return undefined;
  return {
    kind: type[0],
    xid: read32(bytes, field.xid),
    broadcast: (read16(bytes, field.flags) & broadcastFlag) !== 0,
    clientAddress: read32(bytes, field.ciaddr),
    relay: read32(bytes, field.giaddr),
    mac: bytes.slice(field.chaddr, field.chaddr + 6),
    options,
  };
}

/** The options; those that are there twice belong together (RFC 3396). Undefined where one does not end, or is too long. */
function readOptions(bytes: Uint8Array): Map<number, Uint8Array> | undefined {
  const options = new Map<number, Uint8Array>();
  for (let at = optionsAt; at < bytes.length && bytes[at] !== option.end;) {
    const code = bytes[at];
    if (code === option.pad) {
      at++;
      continue;
    }
    const end = at + 2 + bytes[at + 1];
    if (at + 1 >= bytes.length || end > bytes.length) return undefined;
    const value = Uint8Array.from([...(options.get(code) ?? []), ...bytes.subarray(at + 2, end)]);
    if (value.length > mostOptionBytes) return undefined;
    options.set(code, value);
    at = end;
  }
  return options;
}

/** An option that is an address, or a time. */
export function option32(options: ReadonlyMap<number, Uint8Array>, code: number): number | undefined {
  const value = options.get(code);
  return value?.length === 4 ? read32(value, 0) : undefined;
}

export function bytes32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  write32(bytes, 0, value);
  return bytes;
}

/** Makes the answer to a request: `address` is what the client is given, 0 for none. */
export function writeReply(
  request: DhcpRequest,
  type: number,
  address: number,
  options: readonly (readonly [code: number, value: Uint8Array])[],
): Uint8Array {
  const all = [[option.messageType, Uint8Array.of(type)] as const, ...options];
  const length = all.reduce((sum, [, value]) => sum + 2 + value.length, optionsAt + 1);
  const bytes = new Uint8Array(Math.max(leastBytes, length));
  bytes[field.op] = bootReply;
  bytes[field.htype] = ethernet;
  bytes[field.hlen] = 6;
  write32(bytes, field.xid, request.xid);
  write16(bytes, field.flags, request.broadcast ? broadcastFlag : 0);
  // Only what is acknowledged repeats the client's own address (RFC 2131, table 3).
  if (type === kind.ack) write32(bytes, field.ciaddr, request.clientAddress);
  write32(bytes, field.yiaddr, address);
  bytes.set(request.mac, field.chaddr);
  write32(bytes, cookieAt, cookie);
  let at = optionsAt;
  for (const [code, value] of all) {
    bytes[at] = code;
    bytes[at + 1] = value.length;
    bytes.set(value, at + 2);
    at += 2 + value.length;
  }
  bytes[at] = option.end;
  return bytes;
}
