import type { DropReason } from '../../net/link/counters.js';
import { gsoType, type Frame } from '../../net/link/frame.js';
import { read16, write16 } from '../../net/link/words.js';
import type { Outgoing } from './packet.js';
import { protocols, transportStart, type Packet } from './packet.js';
import { firstEphemeral, lastEphemeral } from './ports.js';

const headerBytes = 8;
const checksumAt = 6;
/** What fits into a packet of IPv4. */
export const maxDatagramBytes = 65_535 - 20 - headerBytes;

/** A datagram that came in. */
export interface Datagram {
  readonly source: number;
  readonly sourcePort: number;
  readonly destination: number;
  /** The station that sent it. */
  readonly mac: Uint8Array;
  readonly payload: Uint8Array;
}

/** Gets what comes to a port. What it throws away it gives the reason of. */
export type UdpReceiver = (datagram: Datagram) => DropReason | undefined;

/** UDP (RFC 768): who receives on which port of the gateway. */
export class Udp {
  private readonly receivers = new Map<number, UdpReceiver>();
  private nextPort = firstEphemeral;

  /** Receives what comes to a port. @throws RangeError where somebody does already */
  bind(port: number, receive: UdpReceiver): void {
    if (this.receivers.has(port)) throw new RangeError(`UDP port ${port} of the gateway is in use.`);
    this.receivers.set(port, receive);
  }

  /** Receives on a free port, and answers which; undefined where there is none. */
  bindAny(receive: UdpReceiver): number | undefined {
    for (let tries = lastEphemeral - firstEphemeral; tries >= 0; tries--) {
      const port = this.nextPort;
      this.nextPort = port === lastEphemeral ? firstEphemeral : port + 1;
      if (this.receivers.has(port)) continue;
      this.receivers.set(port, receive);
      return port;
    }
    return undefined;
  }

  unbind(port: number): void {
    this.receivers.delete(port);
  }

  /** A packet of UDP came in. `nobody` where no one receives on its port. */
  received(packet: Packet): DropReason | 'nobody' | undefined {
    const { bytes, start, length } = packet;
    const size = read16(bytes, start + 4);
    if (length < headerBytes || size < headerBytes || size > length) return 'malformed';
    if (read16(bytes, start + checksumAt) !== 0 && !packet.checksumHolds(size)) return 'checksum';
    const receive = this.receivers.get(read16(bytes, start + 2));
    if (!receive) return 'nobody';
    const { source, destination } = packet;
    const payload = packet.slice(headerBytes, size - headerBytes);
    return receive({ source, sourcePort: read16(bytes, start), destination, mac: packet.sourceMac.slice(), payload });
  }
}

/** A datagram of the gateway, to a station. */
export interface OutgoingDatagram {
  readonly mac: Uint8Array;
  readonly to: number;
  readonly port: number;
  readonly from: number;
  readonly payload: Uint8Array;
}

/** Makes the frame of a datagram, which asks to be fragmented where it is larger than the MTU. */
export function datagramFrame(out: Outgoing, { mac, to, port, from, payload }: OutgoingDatagram, mtu: number): Frame {
  const { bytes } = out;
  write16(bytes, transportStart, from);
  write16(bytes, transportStart + 2, port);
  write16(bytes, transportStart + 4, headerBytes + payload.length);
  const frame = out.start(mac, to, protocols.udp, headerBytes, payload.length, checksumAt);
  frame.add(payload, 0, payload.length);
  const most = mtu - 20;
  if (headerBytes + payload.length > most) {
    frame.gso = gsoType.udp;
    // All fragments but the last end on a multiple of 8 bytes (RFC 791, 3.2).
    frame.gsoSize = most & ~7;
  }
  return frame;
}
