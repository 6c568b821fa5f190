import { typeOffset } from './ethernet.js';
import { gsoType, type Frame } from './frame.js';
import { fragmentHeaderBytes, versionOf } from './ipHeader.js';

/** Where the length of a TCP header stands in it, in words of 32 bits in the upper half of the byte (RFC 9293, 3.1). */
const dataOffset = 12;
const udpHeaderBytes = 8;
/** Length of the type field of an Ethernet header. */
const typeBytes = 2;

/**
 * Where the headers of a frame that is to be segmented end, transport header and all, in bytes from its start; 0 when it
 * ends beyond what `frame.head` shows.
 */
export function headersEnd(frame: Frame): number {
  const start = frame.checksumStart;
  if (frame.gso !== gsoType.tcp4 && frame.gso !== gsoType.tcp6) return start + udpHeaderBytes;
  const { bytes, start: first, end } = frame.head();
  const at = first + start + dataOffset;
  return at < end ? start + 4 * (bytes[at] >>> 4) : 0;
}

/** The length of a frame as it would go over a wire, in bytes: that of its longest segment, if it is to be segmented. */
export function wireLength(frame: Frame): number {
  if (frame.gso === gsoType.none) return frame.length;
  if (frame.gso === gsoType.udp) return fragmentLength(frame);
  return Math.min(frame.length, headersEnd(frame) + frame.gsoSize);
}

/** The UDP header is in the first fragment only, where it counts as payload; IPv6 has a header for fragments. */
function fragmentLength(frame: Frame): number {
  if (frame.length <= frame.checksumStart + frame.gsoSize) return frame.length;
  return frame.checksumStart + frame.gsoSize + (versionOf(frame) === 6 ? fragmentHeaderBytes : 0);
}

/** What of that an MTU counts: neither the Ethernet header nor the VLAN tags in it. */
export function wirePayload(frame: Frame): number {
  const { bytes, start, end } = frame.head();
  return wireLength(frame) - (typeOffset(bytes, start, end) - start) - typeBytes;
}

/** All that goes over a wire for a frame, in bytes: each of its segments has the headers of the whole. */
export function wireBytes(frame: Frame): number {
  if (frame.gso === gsoType.none || frame.gsoSize === 0) return frame.length;
  const headers = frame.gso === gsoType.udp ? frame.checksumStart : headersEnd(frame);
  const segments = Math.max(1, Math.ceil((frame.length - headers) / frame.gsoSize));
  return frame.length + (segments - 1) * headers;
}
