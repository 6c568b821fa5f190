import { addChecksummed } from './checksum.js';
import { Cut, type Division } from './cut.js';
import { Fragments } from './fragments.js';
import { Frame, gsoType } from './frame.js';

/** No division at all: one frame, with its checksum filled in. */
class Whole implements Division {
  private readonly field = new Uint8Array(2);
  private readonly checked = new Frame();

  start(frame: Frame): number {
    return addChecksummed(frame, this.checked.start(frame.lane), this.field) ? 1 : 0;
  }

  make(_index: number, target: Frame): void {
    target.addFrom(this.checked, 0, this.checked.length);
  }
}

/**
 * Does in software what a frame still asks for and its receiver can't do: fills in checksums, cuts TCP and UDP into
 * segments, fragments UDP. Payload is not copied. Made once and used for one frame after another; until the last of its
 * segments is sent, the frame must stay as it is.
 */
export class Segments {
  /** How many frames it makes of this one. */
  count = 0;
  /** Which of them comes next. May be set, to go on where a receiver was full. */
  index = 0;
  private source!: Frame;
  private readonly segment = new Frame();
  private readonly cut = new Cut();
  private readonly divisions: Readonly<Record<number, Division | undefined>> = {
    [gsoType.none]: new Whole(),
    [gsoType.tcp4]: this.cut,
    [gsoType.tcp6]: this.cut,
    [gsoType.udpL4]: this.cut,
    [gsoType.udp]: new Fragments(),
  };
  private division: Division | undefined;

  /**
   * Begins with a frame for a receiver that lacks some of its `neededOffloads`.
   * @param offloads the set of what the receiver can take (`offload`); it decides who fills in the checksums of segments
   * @returns false where the packet header does not fit the packet: the frame is to be dropped as `badOffload`
   */
  start(frame: Frame, offloads: number): boolean {
    this.source = frame;
    this.index = 0;
    // The contents of a tunnel can be cut, but neither fragmented nor left as they are (virtio 5.1.6.2.2).
    const division = this.divisions[frame.gso];
    this.division = frame.tunnel === 0 || division === this.cut ? division : undefined;
    this.count = this.division?.start(frame, offloads) ?? 0;
    return this.count > 0;
  }

  /** The next frame, to be used until this is called again; undefined behind the last. */
  next(): Frame | undefined {
    if (!this.division || this.index >= this.count) return undefined;
    const { segment, source } = this;
    segment.start(source.lane).flow = source.flow;
    this.division.make(this.index++, segment);
    return segment;
  }
}
