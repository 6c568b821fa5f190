import type { BarSpace, RegisterSpace } from '../../pci/function.js';
import { memoryTaken, serveMemory } from './mmio.js';
import { portsTaken, servePorts } from './ports.js';
import type { V86Cpu } from './v86.js';

/** A BAR that is decoded at `base`, or will be as soon as nothing else is there. */
interface Window {
  readonly kind: BarSpace['kind'];
  readonly base: number;
  readonly size: number;
  readonly registers: RegisterSpace;
  /** Takes the registers out of the address space; undefined while they are not in it. */
  remove?: () => void;
}

interface AddressSpace {
  taken(cpu: V86Cpu, base: number, size: number): string | undefined;
  serve(cpu: V86Cpu, base: number, size: number, registers: RegisterSpace): () => void;
}

const addressSpaces: Readonly<Record<BarSpace['kind'], AddressSpace>> = {
  memory: { taken: memoryTaken, serve: serveMemory },
  io: {
    taken: (cpu, base, size) => portsTaken(cpu.io, base, size),
    serve: (cpu, base, size, registers) => servePorts(cpu.io, base, size, registers),
  },
};

/** Where the guest has put the BARs of all cards. */
export class Windows {
  private readonly cpu: V86Cpu;
  private readonly wanted = new Set<Window>();

  constructor(cpu: V86Cpu) {
    this.cpu = cpu;
  }

  /**
   * Decodes registers from `base` on until the answered function is called. Where something else is, that stays, and
   * `conflict` is told why; should it be another BAR, then the registers take its place when it goes.
   */
  open(
    bar: Pick<BarSpace, 'kind' | 'size'>,
    base: number,
    registers: RegisterSpace,
    conflict: (reason: string) => void,
  ): () => void {
    const window: Window = { kind: bar.kind, size: bar.size, base, registers };
    this.wanted.add(window);
    const reason = this.settle(window);
    if (reason) conflict(reason);
    return () => {
      this.wanted.delete(window);
      window.remove?.();
      for (const other of this.wanted) if (!other.remove) this.settle(other);
    };
  }

  /** Puts the registers into the address space, or answers why not. */
  private settle(window: Window): string | undefined {
    const space = addressSpaces[window.kind];
    const reason = space.taken(this.cpu, window.base, window.size);
    if (!reason) window.remove = space.serve(this.cpu, window.base, window.size, window.registers);
    return reason;
  }
}
