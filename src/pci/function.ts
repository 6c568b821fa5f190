import type { GuestMemory } from '../virtio/memory.js';
import type { AccessWidth } from '../virtio/registers.js';

/** Something with registers: configuration space, or what lies behind a BAR. Offsets are from its start, in bytes. */
export interface RegisterSpace {
  read(offset: number, width: AccessWidth): number;
  write(offset: number, width: AccessWidth, value: number): void;
}

/** What a base address register makes reachable. */
export interface BarSpace extends RegisterSpace {
  readonly kind: 'memory' | 'io';
  /** In bytes, a power of two. */
  readonly size: number;
}

/** What a PCI function needs of the machine it is plugged into. */
export interface PciHost {
  readonly memory: GuestMemory;
  /** Delivers a message-signalled interrupt: a 32-bit write of `data` to `address` (PCI 3.0, 6.8). */
  message(address: number, data: number): void;
  /** Asserts or releases the function's INTA# line. */
  interrupt(asserted: boolean): void;
  /** The BAR is decoded at `address` from now on, or nowhere (undefined). */
  mapBar(index: number, address: number | undefined): void;
}

/** A PCI function that a host can plug into its bus. A host calls `plug` once, before anything else. */
export interface PciFunction {
  readonly name: string;
  /** Configuration space, 256 bytes. */
  readonly config: RegisterSpace;
  /** By number of the base address register. */
  readonly bars: readonly (BarSpace | undefined)[];
  plug(host: PciHost): void;
  /** The bus was reset: registers, the device behind them and the mapping of BARs are as after power-on. */
  reset(): void;
  /** Everything the function keeps, as one plain serialisable object. */
  save(): unknown;
  /** @throws RangeError when the state is that of another kind of function */
  restore(state: unknown): void;
}
