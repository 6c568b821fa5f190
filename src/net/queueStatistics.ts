import { gsoType, type Frame } from './link/frame.js';

/** What a card counts of a queue beside its lane's packets and bytes; the names are the specification's. */
class DataQueueStatistics {
  notifications = 0;
  interrupts = 0;
  drops = 0;
  csumNone = 0;
  needsCsum = 0;
  gsoPackets = 0;
  gsoBytes = 0;

  /** A packet got through. */
  passed({ needsChecksum, gso, length }: Frame): void {
    if (needsChecksum) this.needsCsum++;
    else this.csumNone++;
    if (gso === gsoType.none) return;
    this.gsoPackets++;
    this.gsoBytes += length;
  }
}

export class ReceiveStatistics extends DataQueueStatistics {
  /** Packets for which the descriptors that there were did not do. */
  dropOverruns = 0;

  overrun(): void {
    this.drops++;
    this.dropOverruns++;
  }
}

export class TransmitStatistics extends DataQueueStatistics {
  dropMalformed = 0;

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
