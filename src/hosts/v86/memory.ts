import { GuestMemoryError, within, type GuestMemory } from '../../virtio/memory.js';
import type { V86Cpu } from './v86.js';

/** The guest's RAM inside v86's WebAssembly memory. */
export class V86Memory implements GuestMemory {
  readonly size: number;
  private readonly cpu: V86Cpu;
  private readonly start: number;
  private bytesView!: Uint8Array;
  private words16View!: Uint16Array;
  private words32View!: Uint32Array;
  private dataView!: DataView;

  constructor(cpu: V86Cpu) {
    this.cpu = cpu;
    this.size = cpu.memory_size[0];
    this.start = cpu.mem8.byteOffset;
    this.renew();
  }

  // When WebAssembly memory grows, the views of the old buffer are detached, and then their length is 0.

  get bytes(): Uint8Array {
    if (this.bytesView.length === 0) this.renew();
    return this.bytesView;
  }

  get words16(): Uint16Array {
    if (this.bytesView.length === 0) this.renew();
    return this.words16View;
  }

  get words32(): Uint32Array {
    if (this.bytesView.length === 0) this.renew();
    return this.words32View;
  }

  get data(): DataView {
    if (this.bytesView.length === 0) this.renew();
    return this.dataView;
  }

  slice(address: number, length: number): Uint8Array {
    if (!within(this.size, address, length)) throw new GuestMemoryError(address, length, this.size);
    return this.bytes.subarray(address, address + length);
  }

  written(address: number, length: number): void {
    if (length > 0) this.cpu.jit_dirty_cache(address, address + length);
  }

  private renew(): void {
    const { buffer } = this.cpu.wasm_memory;
    const { start, size } = this;
    this.bytesView = new Uint8Array(buffer, start, size);
    this.words16View = new Uint16Array(buffer, start, size / 2);
    this.words32View = new Uint32Array(buffer, start, size / 4);
    this.dataView = new DataView(buffer, start, size);
  }
}
