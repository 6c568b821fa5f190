import { sumBytes, writeChecksum } from '../../net/link/checksum.js';
import type { DropReason } from '../../net/link/counters.js';
import type { Packet } from './packet.js';

/** Types and codes (RFC 792). */
const type = { echoReply: 0, unreachable: 3, echo: 8 } as const;
export const unreachableCode = { net: 0, protocol: 2, port: 3 } as const;
/** Without data. */
const headerBytes = 8;

/** Sends an ICMP message to an address. */
export type SendIcmp = (to: number, message: Uint8Array) => void;

/** Answers echo requests (RFC 792); the gateway asks for nothing by ICMP, so other messages are not for it. */
export function icmpReceived(packet: Packet, send: SendIcmp): DropReason | undefined {
  if (packet.length < headerBytes) return 'malformed';
  const message = packet.slice(0, packet.length);
  if (sumBytes(message, 0, message.length) !== 0xffff) return 'checksum';
  if (message[0] !== type.echo || message[1] !== 0) return 'protocol';
  message[0] = type.echoReply;
  send(packet.source, finish(message));
  return undefined;
}

/** Whether a packet of ICMP asks for an echo. */
export function isEcho(packet: Packet): boolean {
  return packet.length >= headerBytes && packet.bytes[packet.start] === type.echo;
}

/** The message that tells whoever sent a packet that it can't be delivered, and why. */
export function unreachable(packet: Packet, code: number): Uint8Array {
  const { cited } = packet;
  const message = new Uint8Array(headerBytes + cited.length);
  message[0] = type.unreachable;
  message[1] = code;
  message.set(cited, headerBytes);
  return finish(message);
}

function finish(message: Uint8Array): Uint8Array {
  writeChecksum(message, 2, 0, message.length);
  return message;
}
