/**
 * A descriptor chain as a device sees it: ranges of guest memory, those to read before those to write. Made once and
 * used again for one buffer after another.
 */
export class DescriptorChain {
  /** The name by which the driver gets the buffer back: index of the first descriptor, or a packed queue's buffer id. */
  head = 0;
  /** Descriptors of a packed ring that it takes up. */
  slots = 0;
  /** Where its queue remembers it. */
  place = 0;
  /** Bytes written of a buffer that waits for those before it to be given back; -1 while the device works on it. */
  returned = -1;
  /** Number of ranges. */
  count = 0;
  /** The first `readableCount` ranges are device-readable, the rest device-writable. */
  readableCount = 0;
  /** Sum of the lengths of the device-readable ranges, in bytes. */
  readableLength = 0;
  /** Sum of the lengths of the device-writable ranges, in bytes. */
  writableLength = 0;
  /**
   * Guest-physical address of each range: all of it was found to be guest memory, of which there is no more than 4 GiB. In
   * a Float64Array, each access to the bytes there would convert it.
   */
  addresses = new Uint32Array(initialCapacity);
  /** Length of each range in bytes. */
  lengths = new Uint32Array(initialCapacity);

  start(head: number): void {
    this.head = head;
    this.slots = 0;
    this.returned = -1;
    this.count = 0;
    this.readableCount = 0;
    this.readableLength = 0;
    this.writableLength = 0;
  }

  add(address: number, length: number, writable: boolean): void {
    if (this.count === this.lengths.length) this.grow();
    this.addresses[this.count] = address;
    this.lengths[this.count] = length;
    this.count++;
    if (writable) {
      this.writableLength += length;
    } else {
      this.readableCount++;
      this.readableLength += length;
    }
  }

  private grow(): void {
    const { addresses, lengths } = this;
    this.addresses = new Uint32Array(addresses.length * 2);
    this.addresses.set(addresses);
    this.lengths = new Uint32Array(lengths.length * 2);
    this.lengths.set(lengths);
  }
}

/** Most frames need three ranges or fewer; a 64 KiB segment from Linux needs about nineteen. */
const initialCapacity = 24;
