import { Frame } from './link/frame.js';
import { Sent } from './link/port.js';
import { macBytes, parseMac } from './link/mac.js';
import type { NetDevice } from './device.js';

/** RARP (RFC 903), for IPv4 over Ethernet: "who am I", which says nothing but where the one who asks is. */
const reverseRequest = [0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3];

/** The shortest frame of Ethernet, without its check sequence (IEEE 802.3, 3.2.8). */
const leastFrameBytes = 60;

/**
 * Tells the network where a card's guest is, as after a move to another machine: the card sends a RARP frame of its own
 * to all, from which every switch on the way learns the address. Where the driver can it is asked to announce the guest too,
 * since only the guest knows its IP addresses, which its neighbours may look for. Answers whether the frame was sent: the card is in use, connected, and the port had room.
 */
export function announceGuest(device: NetDevice): boolean {
  const port = device.connectedTo;
  if (!port || !device.listening) return false;
  const bytes = reverseRequestOf(parseMac(device.mac));
  const frame = new Frame().start(0).add(bytes, 0, bytes.length);
  const sent = port.send(frame, port.steer(frame)) === Sent.taken;
  port.flush();
  device.announce();
  return sent;
}

function reverseRequestOf(mac: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(leastFrameBytes);
  const everybody = new Uint8Array(macBytes).fill(0xff);
  const noAddress = new Uint8Array(4);
  let at = 0;
  for (const part of [everybody, mac, reverseRequest, mac, noAddress, mac]) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
