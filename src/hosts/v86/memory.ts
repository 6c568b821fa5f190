import { GuestMemoryError, within, type GuestMemory } from '../../virtio/memory.js';
import type { V86Cpu } from './v86.js';

/** The guest's RAM inside v86's WebAssembly memory. */
export class V86Memory implements GuestMemory {
  readonly size: number;
  private readonly cpu: V86Cpu;
  private readonly start: number;
  private bytesView: Uint8Array;
  private words16View: Uint16Array;
  private words32View: Uint32Array;

  constructor(cpu: V86Cpu) {
    this.cpu = cpu;
    this.size = cpu.memory_size[0];
    this.start = cpu.mem8.byteOffset;
    this.bytesView = this.view(Uint8Array);
    this.words16View = this.view(Uint16Array);
    this.words32View = this.view(Uint32Array);
  }

  // When WebAssembly memory grows, the views of the old buffer are detached, and then their length is 0.

  get bytes(): Uint8Array {
    if (this.bytesView.length === 0) this.bytesView = this.view(Uint8Array);
    return this.bytesView;
  }

  get words16(): Uint16Array {
    if (this.words16View.length === 0) this.words16View = this.view(Uint16Array);
    return this.words16View;
  }

  get words32(): Uint32Array {
    if (this.words32View.length === 0) this.words32View = this.view(Uint32Array);
    return this.words32View;
  }

  slice(address: number, length: number): Uint8Array {
    if (!within(this.size, address, length)) throw new GuestMemoryError(address, length, this.size);
    return this.bytes.subarray(address, address + length);
  }

  written(address: number, length: number): void {
    if (length > 0) this.cpu.jit_dirty_cache(address, address + length);
  }

  private view<T>(kind: { new (buffer: ArrayBuffer, start: number, length: number): T; BYTES_PER_ELEMENT: number }): T {
    return new kind(this.cpu.wasm_memory.buffer, this.start, this.size / kind.BYTES_PER_ELEMENT);
  }
}
