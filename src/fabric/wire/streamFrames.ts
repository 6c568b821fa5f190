/** Bytes of the length before each frame: 32 bits, big-endian, as QEMU's `-netdev stream` and `-netdev socket` have it. */
export const lengthBytes = 4;

/** Where the frames of a stream go. */
export interface FrameReceiver {
  /** No more now: what came is kept until `go`. */
  readonly congested: boolean;
  receive(bytes: Uint8Array, start: number, length: number): void;
}

const nothing: Uint8Array = new Uint8Array(0);

/** What came is not what QEMU sends: no frame's beginning can be found after it. */
export class StreamFormatError extends Error {
  override readonly name = 'StreamFormatError';
}

/**
 * Finds the frames in a stream of bytes that comes in pieces of any size. A frame that lies in one piece is not copied.
 * It keeps at most the piece that it was given last, and one frame.
 */
export class StreamFrames {
  private readonly receiver: FrameReceiver;
  private readonly maxFrameBytes: number;
  private rest = nothing;
  private busy = false;

  constructor(receiver: FrameReceiver, maxFrameBytes: number) {
    this.receiver = receiver;
    this.maxFrameBytes = maxFrameBytes;
  }

  /**
   * More of the stream.
   * @throws StreamFormatError for a frame longer than the limit, or of no bytes
   */
  push(bytes: Uint8Array): void {
    this.rest = this.rest.length === 0 ? bytes : joined(this.rest, bytes);
    this.go();
  }

  /**
   * Goes on with what was kept while the receiver was congested.
   * @throws StreamFormatError likewise
   */
  go(): void {
    // The receiver may come back here from within.
    if (this.busy) return;
    this.busy = true;
    try {
      while (!this.receiver.congested && this.next());
    } finally {
      this.busy = false;
    }
  }

  /**
   * Nothing more will come: gives all whole frames that were kept, congested or not.
   * @throws StreamFormatError likewise
   */
  finish(): void {
    while (this.next());
  }

  private next(): boolean {
    const { rest } = this;
    if (rest.length < lengthBytes) return false;
    const length = new DataView(rest.buffer, rest.byteOffset).getUint32(0);
    if (length === 0 || length > this.maxFrameBytes) {
      this.rest = nothing;
      throw new StreamFormatError(`a frame of ${length} bytes is announced; there may be 1 to ${this.maxFrameBytes}`);
    }
    const end = lengthBytes + length;
    if (rest.length < end) return false;
    this.rest = rest.subarray(end);
    this.receiver.receive(rest, lengthBytes, length);
    return true;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
