import type { DropReason } from '../../../net/link/counters.js';
import type { Frame } from '../../../net/link/frame.js';
import type { Sent } from '../../../net/link/port.js';
import type { Clock } from '../../../virtio/clock.js';
import type { Neighbours } from '../neighbours.js';
import type { Outgoing } from '../packet.js';
import type { TcpConnection } from './connection.js';
import type { Segment } from './segment.js';

/** What a connection needs of where it is. */
export interface TcpPlace {
  readonly clock: Clock;
  readonly neighbours: Neighbours;
  readonly out: Outgoing;
  /** The largest packet, in bytes. */
  readonly mtu: number;
  /** Of each of a connection's two buffers. */
  readonly bufferBytes: number;
  /** By how much windows of such buffers are to be shifted. */
  readonly windowScale: number;
  /** From 0 to below 1. */
  random(): number;
  transmit(frame: Frame): Sent;
  /** Answers a segment that belongs to no connection with a reset, unless it is one; why it is dropped. */
  refuse(segment: Segment): DropReason;
  /** It has something to do at the end of the burst; where there is none under way, now. */
  wake(connection: TcpConnection): void;
  /** The same for what its user asks for: where no burst is under way, when the user has done. */
  wakeSoon(connection: TcpConnection): void;
  /** What it sent found no room; it is to be woken when there is some. */
  blocked(connection: TcpConnection): void;
  /** It is over but for late packets, or quite over. */
  waits(connection: TcpConnection): void;
  closed(connection: TcpConnection): void;
}
