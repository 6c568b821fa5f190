import type { Machine, Width } from './machine.js';

/** Ports of configuration mechanism 1 (PCI 3.0, 3.2.2.3.2). */
const configAddress = 0xcf8;
const configData = 0xcfc;
const enable = 0x80000000;

/** Where a function is on the machine's buses. */
export interface PciAddress {
  readonly bus: number;
  readonly slot: number;
  readonly function: number;
}

/** One access to a function's configuration space; `offset` is from 0 to 255 and a multiple of the width. */
export async function readPciConfig(
  machine: Machine,
  address: PciAddress,
  offset: number,
  width: Width,
): Promise<number> {
  await machine.writePort(configAddress, 4, addressWord(address, offset));
  return machine.readPort(configData + (offset & 3), width);
}

export async function writePciConfig(
  machine: Machine,
  address: PciAddress,
  offset: number,
  width: Width,
  value: number,
): Promise<void> {
  await machine.writePort(configAddress, 4, addressWord(address, offset));
  await machine.writePort(configData + (offset & 3), width, value);
}

function addressWord(address: PciAddress, offset: number): number {
  return (enable | (address.bus << 16) | (address.slot << 11) | (address.function << 8) | (offset & 0xfc)) >>> 0;
}
