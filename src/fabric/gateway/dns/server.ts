import type { DropReason } from '../../../net/link/counters.js';
import { read16, write16 } from '../../../net/link/words.js';
import { bytes32 } from '../dhcp/message.js';
import { parseAddress } from '../address.js';
import type { Names } from './names.js';

export const serverPort = 53;

/** RFC 1035, 4.1.1 and 3.2. */
const headerBytes = 12;
const flag = { response: 0x8000, authoritative: 0x0400, recursionDesired: 0x0100 } as const;
const opcodeBits = 0x7800;
const code = { ok: 0, format: 1, name: 3, notImplemented: 4 } as const;
const type = { a: 1, ptr: 12, any: 255 } as const;
const classes = { internet: 1, any: 255 } as const;
const mostNameBytes = 255;
/** A pointer to the name in the question, which stands right behind the header (4.1.4). */
const nameOfQuestion = [0xc0, headerBytes];
/** How long an answer may be kept, in seconds: names come and go with leases. */
const timeToLive = 10;

interface Question {
  readonly labels: readonly string[];
  readonly type: number;
  readonly class: number;
  /** Where it ends in the message. */
  readonly end: number;
}

export interface DnsCounters {
  queries: number;
  /** Queries whose name nobody has. */
  unknown: number;
}

/**
 * A name server (RFC 1035) for the stations of the network, and for no other names: those do not exist for it. It answers one
 * question a message, as all resolvers ask.
 */
export class DnsServer {
  private readonly names: Names;
  private readonly counts: DnsCounters = { queries: 0, unknown: 0 };

  constructor(names: Names) {
    this.names = names;
  }

  counters(): DnsCounters {
    return { ...this.counts };
  }

  /** The answer to a message, or why there is none. */
  answer(query: Uint8Array): Uint8Array | DropReason {
    if (query.length < headerBytes || (read16(query, 2) & flag.response) !== 0) return 'malformed';
    this.counts.queries++;
    if ((read16(query, 2) & opcodeBits) !== 0) return reply(query, headerBytes, code.notImplemented);
    const question = read16(query, 4) === 1 ? readQuestion(query) : undefined;
    if (!question) return reply(query, headerBytes, code.format);
    const known = question.class === classes.internet || question.class === classes.any;
    const data = known ? this.find(question) : undefined;
    if (data === undefined) this.counts.unknown++;
    return reply(query, question.end, data ? code.ok : code.name, data?.bytes, data?.type);
  }

  /** What is known of a name: it is there, and there may be something of the type that was asked for. */
  private find({ labels, type: asked }: Question): { type: number; bytes?: Uint8Array } | undefined {
    const name = labels.join('.');
    const reverse = /^(.+)\.in-addr\.arpa$/i.exec(name)?.[1];
    if (reverse !== undefined) {
      const found = this.names.nameOf(parseAddress(reverse.split('.').reverse().join('.')) ?? 0);
      return found === undefined ? undefined : data(type.ptr, asked, encodeName(found));
    }
    const address = this.names.addressOf(name);
    return address === undefined ? undefined : data(type.a, asked, bytes32(address));
  }
}

function data(kind: number, asked: number, bytes: Uint8Array): { type: number; bytes?: Uint8Array } {
  return asked === kind || asked === type.any ? { type: kind, bytes } : { type: kind };
}

/** The question of a message; undefined where it is none. Names in it stand in full. */
function readQuestion(query: Uint8Array): Question | undefined {
  const labels: string[] = [];
  let at = headerBytes;
  for (; query[at] !== 0; at += 1 + query[at]) {
    const length = query[at];
    if (at >= query.length || length > 63 || at + length - headerBytes >= mostNameBytes) return undefined;
    labels.push(String.fromCharCode(...query.subarray(at + 1, at + 1 + length)));
  }
  const end = at + 5;
  if (end > query.length) return undefined;
  return { labels, type: read16(query, at + 1), class: read16(query, at + 3), end };
}

/** An answer: the query up to `end`, and one record, if there is any. */
function reply(query: Uint8Array, end: number, result: number, bytes?: Uint8Array, kind = 0): Uint8Array {
  const record = bytes
    ? [...nameOfQuestion, 0, kind, 0, classes.internet, ...bytes32(timeToLive), 0, bytes.length, ...bytes]
    : [];
  const message = Uint8Array.from([...query.subarray(0, end), ...record]);
  const wishes = read16(query, 2) & (opcodeBits | flag.recursionDesired);
  write16(message, 2, flag.response | flag.authoritative | wishes | result);
  write16(message, 4, end > headerBytes ? 1 : 0);
  write16(message, 6, record.length > 0 ? 1 : 0);
  write16(message, 8, 0);
  write16(message, 10, 0);
  return message;
}

function encodeName(name: string): Uint8Array {
  const labels = name.split('.').map((label) => [label.length, ...Array.from(label, (letter) => letter.charCodeAt(0))]);
  return Uint8Array.from([...labels.flat(), 0]);
}
