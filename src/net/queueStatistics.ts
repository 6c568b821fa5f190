import { gsoType, type Frame } from './link/frame.js';

/** What a card counts of a receive queue beside its lane's packets and bytes; the names are the specification's. */
export class ReceiveStatistics {
  notifications = 0;
  interrupts = 0;
  drops = 0;
  /** Packets for which the descriptors that there were did not do. */
  dropOverruns = 0;
  csumNone = 0;
  needsCsum = 0;
  gsoPackets = 0;
  gsoBytes = 0;

  /** A packet was passed to the driver. */
  passed(frame: Frame): void {
    countOffloads(this, frame);
  }

  overrun(): void {
    this.drops++;
    this.dropOverruns++;
  }
}

/** The same of a transmit queue. */
export class TransmitStatistics {
  notifications = 0;
  interrupts = 0;
  drops = 0;
  dropMalformed = 0;
  csumNone = 0;
  needsCsum = 0;
  gsoPackets = 0;
  gsoBytes = 0;

  /** The driver's packet was sent. */
  sent(frame: Frame): void {
    countOffloads(this, frame);
  }

  malformed(): void {
    this.drops++;
    this.dropMalformed++;
  }
}

/** Of the control queue. */
export class ControlStatistics {
  commands = 0;
  /** Commands that were carried out. */
  ok = 0;
}

type OffloadCounts = Pick<ReceiveStatistics, 'csumNone' | 'needsCsum' | 'gsoPackets' | 'gsoBytes'>;

function countOffloads(counts: OffloadCounts, { needsChecksum, gso, length }: Frame): void {
  if (needsChecksum) counts.needsCsum++;
  else counts.csumNone++;
  if (gso === gsoType.none) return;
  counts.gsoPackets++;
  counts.gsoBytes += length;
}
