import { BufferMemory } from '../../virtio/memory.js';

/** VIRTQ_DESC_F_WRITE. */
const writeFlag = 2;

/** Where the driver has its rings, its indirect tables, and its buffers; nobody has anything outside of these. */
export const zones = {
  rings: { start: 0x2000, end: 0x12000 },
  tables: { start: 0x12000, end: 0x13000 },
  buffers: { start: 0x14000, end: 0x1e000 },
} as const;
export const memoryBytes = 0x20000;

/** Guest memory that knows which of its bytes the driver let the device write. */
export class WatchedMemory extends BufferMemory {
  /** What the driver wrote, and nothing else. */
  private readonly expected: Uint8Array;
  private readonly writable: Uint8Array;
  /** The driver let the device write where what it may write is described: nobody can tell any more. */
  private lawless = false;

  constructor() {
    super(memoryBytes);
    this.expected = new Uint8Array(memoryBytes);
    this.writable = new Uint8Array(memoryBytes);
  }

  /** The driver writes. What lies beyond memory is left out. */
  put(address: number, bytes: ArrayLike<number>): void {
    const end = Math.min(bytes.length, this.size - address);
    for (let i = 0; i < end; i++) this.bytes[address + i] = this.expected[address + i] = bytes[i];
  }

  /** The driver writes zeros. */
  clear(address: number, length: number): void {
    this.bytes.fill(0, address, address + length);
    this.expected.fill(0, address, address + length);
  }

  put16(address: number, value: number): void {
    this.put(address, [value & 0xff, (value >>> 8) & 0xff]);
  }

  put32(address: number, value: number): void {
    this.put(address, [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24]);
  }

  get16(address: number): number {
    return this.bytes[address] | (this.bytes[address + 1] << 8);
  }

  /** The driver gives the device a buffer, or whatever it may write. */
  allow(address: number, length: number): void {
    if (address < zones.tables.end && address + length > zones.rings.start) this.allowAll();
    else this.allowRing(address, length);
  }

  allowAll(): void {
    this.lawless = true;
  }

  /** The same of a part of a ring. */
  allowRing(address: number, length: number): void {
    this.writable.fill(
      1,
      Math.max(0, Math.min(address, this.size)),
      Math.max(0, Math.min(address + length, this.size)),
    );
  }

  /** Allows whatever the descriptors in these zones could mean, in either layout, wherever in them they begin. */
  allowDescribed(start: number, end: number): void {
    for (let at = start; at + 16 <= end; at++) {
      if (((this.bytes[at + 12] | this.bytes[at + 14]) & writeFlag) === 0) continue;
      const low = this.get16(at) + this.get16(at + 2) * 0x10000;
      const high = this.get16(at + 4) + this.get16(at + 6) * 0x10000;
      if (high === 0) this.allow(low, this.get16(at + 8) + this.get16(at + 10) * 0x10000);
    }
  }

  /** The first byte that the device wrote without leave. */
  trespass(): number | undefined {
    const { bytes, expected, writable, lawless, words32, size } = this;
    if (lawless) return undefined;
    const expectedWords = new Uint32Array(expected.buffer);
    for (let word = 0; word < size / 4; word++) {
      if (words32[word] === expectedWords[word]) continue;
      for (let at = 4 * word; at < 4 * word + 4; at++) {
        if (bytes[at] !== expected[at] && writable[at] === 0) return at;
      }
    }
    return undefined;
  }
}
