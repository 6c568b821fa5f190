import type { Machine, Width } from './machine.js';

/** A block of registers, whatever the way to it. Offsets are from its start, in bytes. */
export interface Registers {
  read(offset: number, width: Width): Promise<number>;
  write(offset: number, width: Width, value: number): Promise<void>;
}

/** Registers at I/O ports or at addresses of the memory bus. */
export function mappedRegisters(machine: Machine, kind: 'memory' | 'io', base: number): Registers {
  return kind === 'io'
    ? {
        read: (offset, width) => machine.readPort(base + offset, width),
        write: (offset, width, value) => machine.writePort(base + offset, width, value),
      }
    : {
        read: (offset, width) => machine.read(base + offset, width),
        write: (offset, width, value) => machine.write(base + offset, width, value),
      };
}

/** A part of a block, from `start` on. */
export function registersFrom(block: Registers, start: number): Registers {
  return {
    read: (offset, width) => block.read(start + offset, width),
    write: (offset, width, value) => block.write(start + offset, width, value),
  };
}
