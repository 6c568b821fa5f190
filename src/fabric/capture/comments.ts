import { dropReasons, filterReasons, type DropReason, type FilterReason } from '../../net/link/counters.js';
import { gsoType, type Frame } from '../../net/link/frame.js';
import { Sent } from '../../net/link/port.js';
import { direction, type Direction } from './pcapng.js';

const gsoNames: Readonly<Record<number, string | undefined>> = {
  [gsoType.tcp4]: 'TCP over IPv4',
  [gsoType.tcp6]: 'TCP over IPv6',
  [gsoType.udp]: 'fragments of UDP',
  [gsoType.udpL4]: 'datagrams of UDP',
};

/** Where whoever dropped a frame noted no reason: a switch that has no other port for it, or a port that keeps it to itself. */
const unknownReasons = {
  [direction.inbound]: 'no other port is to receive it',
  [direction.outbound]: 'the receiver did not take it',
} as const;

/**
 * What a reader could not tell from the bytes of a frame: that it was not delivered, and why; and what is still to be
 * done to it, so that its checksum is no mistake and its length is not that of a packet on a wire.
 */
export function commentsOn(frame: Frame, seen: Direction, sent: Sent): string[] {
  const comments: string[] = [];
  if (sent === Sent.dropped) comments.push(verdict(frame.lost, seen));
  if (frame.gso !== gsoType.none) {
    const inTunnel = frame.tunnel === 0 ? '' : ' in a tunnel';
    comments.push(`Not segmented yet: ${gsoNames[frame.gso] ?? 'unknown'}${inTunnel}, ${frame.gsoSize} bytes each.`);
  }
  if (frame.needsChecksum) {
    const field = frame.checksumStart + frame.checksumOffset;
    comments.push(`Checksum not filled in yet: at byte ${field}, over all from byte ${frame.checksumStart} on.`);
  }
  if (frame.tunnel !== 0 && frame.tunnelChecksum) comments.push("Checksum of the tunnel's UDP not filled in yet.");
  return comments;
}

function verdict(lost: DropReason | FilterReason | undefined, seen: Direction): string {
  if (lost === undefined) return `Dropped: ${unknownReasons[seen]}.`;
  if (lost in filterReasons) return `Filtered by the guest: ${filterReasons[lost as FilterReason]}.`;
  return `Dropped: ${dropReasons[lost as DropReason]}.`;
}
