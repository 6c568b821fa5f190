/** Bytes of Ethernet, IPv4 and UDP headers. */
const headers = [14, 20, 8] as const;
const headerBytes = headers[0] + headers[1] + headers[2];

/** A UDP datagram in IPv4 in Ethernet, as generators of packets send them. Stations are numbers below 256. */
export function udpFrame(length: number, from: number, to: number): Uint8Array {
  const frame = new Uint8Array(length);
  frame.set([...macOf(to), ...macOf(from), 0x08, 0x00]);
  const ipBytes = Math.min(length - headers[0], 0xffff);
  frame.set(
    [0x45, 0, ipBytes >>> 8, ipBytes & 0xff, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, from, 10, 0, 0, to],
    headers[0],
  );
  const udpBytes = ipBytes - headers[1];
  frame.set([0, 9, 0, 9, udpBytes >>> 8, udpBytes & 0xff, 0, 0], headers[0] + headers[1]);
  for (let at = headerBytes; at < length; at++) frame[at] = at;
  return frame;
}

export function macOf(station: number): number[] {
  return [0x52, 0x54, 0, 0, 0, station];
}
