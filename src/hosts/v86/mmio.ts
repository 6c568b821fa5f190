import type { RegisterSpace } from '../../pci/function.js';
import type { V86Cpu, V86Pci } from './v86.js';

/** v86 has one handler for each block of 128 KiB of the physical address space, which is 4 GiB. */
export const blockBytes = 0x20000;
const addressSpaceBytes = 0x1_0000_0000;

/** v86 answers a page of each itself before it looks for the block's handler. */
const apics = [
  { name: 'the IO-APIC', start: 0xfec00000, size: blockBytes },
  { name: 'the local APIC', start: 0xfee00000, size: blockBytes },
] as const;

/** Nobody wants a handler in the IO-APIC's block, so v86's handler for no device stands there. */
const nobodysBlock = apics[0].start / blockBytes;
/** v86 lets the handler of its 64 KiB of video ROM answer for the whole mebibyte, where firmware puts other BARs. */
const videoRomBlock = 0xfeb00000 / blockBytes;

/**
 * Puts registers into the physical address space; `base` and `size` are multiples of 128 KiB. Accesses of 8 and 32 bits
 * arrive as they are, those of 16 bits as two of 8, low byte first, and larger ones as several of 32. The answer is a
 * function that puts back what was there.
 */
export function serveMemory(cpu: V86Cpu, base: number, size: number, space: RegisterSpace): () => void {
  const first = base / blockBytes;
  const last = (base + size) / blockBytes;
  const tables: unknown[][] = [
    cpu.memory_map_read8,
    cpu.memory_map_write8,
    cpu.memory_map_read32,
    cpu.memory_map_write32,
  ];
  const before = tables.map((table) => table.slice(first, last));
  cpu.io.mmap_register(
    base,
    size,
    (address) => space.read((address >>> 0) - base, 1),
    (address, value) => space.write((address >>> 0) - base, 1, value & 0xff),
    (address) => space.read((address >>> 0) - base, 4) | 0,
    (address, value) => space.write((address >>> 0) - base, 4, value >>> 0),
  );
  return () => tables.forEach((table, index) => table.splice(first, last - first, ...before[index]));
}

/** Why registers can't be at these addresses, or undefined when they can. */
export function memoryTaken(cpu: V86Cpu, base: number, size: number): string | undefined {
  if (base + size > addressSpaceBytes) return 'is above 4 GiB, where v86 has no memory';
  const taken = [{ name: 'RAM', start: 0, size: cpu.memory_size[0] }, ...apics, ...deviceRanges(cpu.devices.pci)].find(
    (range) => base < range.start + range.size && range.start < base + size,
  );
  if (taken) return `overlaps ${taken.name}`;
  const free = [nobodysBlock, videoRomBlock].map((block) => cpu.memory_map_read8[block]);
  for (let block = base / blockBytes; block < (base + size) / blockBytes; block++) {
    if (!free.includes(cpu.memory_map_read8[block])) return 'overlaps another device';
  }
  return undefined;
}

interface Range {
  readonly name: string;
  readonly start: number;
  readonly size: number;
}

/** Memory BARs and ROMs of v86's own devices, which never move, whatever the guest writes to them. */
function deviceRanges(pci: V86Pci): Range[] {
  return pci.devices.flatMap((device) => {
    if (!device) return [];
    const { name, pci_bars: bars, pci_rom_address: rom = 0, pci_rom_size: romSize = 0 } = device;
    const ranges = bars.map((bar) => ({ address: bar?.original_bar ?? 0, size: bar?.size ?? 0 }));
    return [...ranges.filter(({ address }) => !(address & ioBar)), { address: rom, size: romSize }]
      .filter(({ address }) => address !== 0)
      .map(({ address, size }) => ({ name, start: (address & ~barFlags) >>> 0, size }));
  });
}

/** In a BAR: bit 0 is set for I/O ports, and an address begins at bit 4 (PCI 3.0, 6.2.5.1). */
const ioBar = 1;
const barFlags = 0xf;
