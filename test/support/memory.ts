import { GuestMemoryError, type GuestMemory } from '../../src/virtio/memory.js';

/** Bytes around guest memory that nobody may touch. */
const guardBytes = 4096;
const canary = 0xa5;

/**
 * Guest memory in the middle of a larger buffer. Its views go on behind its end, so that a write too far does not vanish
 * as it would at the end of an array, but is seen on the canaries there.
 */
export class TestMemory implements GuestMemory {
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly words16: Uint16Array;
  readonly words32: Uint32Array;
  /** For the driver's side, which takes no care of alignment. */
  readonly view: DataView;
  readonly data: DataView;
  /** Ranges that the device said it wrote, since `watch` began. */
  private reported: { address: number; length: number }[] = [];
  private readonly before: Uint8Array;
  private readonly whole: Uint8Array;
  private next = 0x1000;

  /** @param size in bytes, a multiple of 4096 */
  constructor(size = 0x40000) {
    const buffer = new ArrayBuffer(size + 2 * guardBytes);
    this.size = size;
    this.whole = new Uint8Array(buffer).fill(canary);
    this.bytes = new Uint8Array(buffer, guardBytes);
    this.words16 = new Uint16Array(buffer, guardBytes);
    this.words32 = new Uint32Array(buffer, guardBytes);
    this.view = new DataView(buffer, guardBytes, size);
    this.data = new DataView(buffer, guardBytes);
    this.before = new Uint8Array(size);
    this.bytes.fill(0, 0, size);
  }

  slice(address: number, length: number): Uint8Array {
    if (address < 0 || length < 0 || address + length > this.size) {
      throw new GuestMemoryError(address, length, this.size);
    }
    return this.bytes.subarray(address, address + length);
  }

  written(address: number, length: number): void {
    if (!(address >= 0 && length >= 0 && address + length <= this.size)) {
      throw new Error(`the device says that it wrote ${length} bytes at ${address}`);
    }
    this.reported.push({ address, length });
  }

  /** Memory that nobody else has, for the driver's rings and buffers. */
  allocate(length: number, alignment = 16): number {
    const address = Math.ceil(this.next / alignment) * alignment;
    this.next = address + length;
    if (this.next > this.size) throw new Error(`the test needs more memory than ${this.size} bytes`);
    return address;
  }

  /** Lets the device work. @throws when it wrote outside guest memory, or what it did not report to the emulator */
  watch<T>(work: () => T): T {
    this.reported = [];
    this.before.set(this.bytes.subarray(0, this.size));
    try {
      return work();
    } finally {
      this.checkGuards();
      this.checkReports();
    }
  }

  checkGuards(): void {
    const end = this.whole.length - guardBytes;
    for (let i = 0; i < guardBytes; i++) {
      if (this.whole[i] !== canary || this.whole[end + i] !== canary) {
        throw new Error(`the device wrote outside guest memory, ${i} bytes into a guard`);
      }
    }
  }

  /** Whether the device said, since `watch` began, that it wrote all of these bytes. */
  isReported(address: number, length: number): boolean {
    return this.reported.some((range) => range.address <= address && address + length <= range.address + range.length);
  }

  private checkReports(): void {
    for (const { address, length } of this.reported) {
      this.before.set(this.bytes.subarray(address, address + length), address);
    }
    const now = this.bytes.subarray(0, this.size);
    if (Buffer.compare(now, this.before) === 0) return;
    const at = now.findIndex((byte, address) => byte !== this.before[address]);
    throw new Error(`the device wrote to 0x${at.toString(16)} and did not report it`);
  }
}
