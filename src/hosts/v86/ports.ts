import type { RegisterSpace } from '../../pci/function.js';
import type { V86Io, V86Port } from './v86.js';

/**
 * Puts registers at the I/O ports from `base` on, one port for each byte; accesses arrive in their own width. The answer
 * is a function that puts back what was there.
 */
export function servePorts(io: V86Io, base: number, size: number, space: RegisterSpace): () => void {
  const before = io.ports.slice(base, base + size);
  const ours = before.map((_, offset) => portAt(space, offset));
  ours.forEach((port, offset) => (io.ports[base + offset] = port));
  return () => {
    ours.forEach((port, offset) => {
      // v86 moves the ports of its own devices about; where it took one over, that stays.
      if (io.ports[base + offset] === port) io.ports[base + offset] = before[offset];
    });
  };
}

function portAt(space: RegisterSpace, offset: number): V86Port {
  return {
    read8: () => space.read(offset, 1),
    read16: () => space.read(offset, 2),
    read32: () => space.read(offset, 4) | 0,
    write8: (value) => space.write(offset, 1, value & 0xff),
    write16: (value) => space.write(offset, 2, value & 0xffff),
    write32: (value) => space.write(offset, 4, value >>> 0),
    device: undefined,
  };
}

/** v86 puts its own fixed devices below this port, and so no BAR of a card may be there. */
const firstBarPort = 0x1000;
const portCount = 0x10000;

/** Why registers can't be at these ports, or undefined when they can. */
export function portsTaken(io: V86Io, base: number, size: number): string | undefined {
  if (base < firstBarPort || base + size > portCount) return 'is not between ports 0x1000 and 0xffff';
  const taken = io.ports.slice(base, base + size).findIndex((port) => !isFree(io, port));
  return taken < 0 ? undefined : `overlaps port 0x${(base + taken).toString(16)} of another device`;
}

function isFree(io: V86Io, port: V86Port): boolean {
  return port.device === undefined && port.read8 === io.empty_port_read8 && port.write8 === io.empty_port_write;
}
