import type { PciFunction } from '../../pci/function.js';

/** `cfg_type` of the capabilities that are looked at (virtio 4.1.4). */
const types = { 1: 'common', 2: 'notify', 3: 'isr', 4: 'device' } as const;
const windowType = 5;
const vendorCapability = 0x09;
const msixCapability = 0x11;

export type StructureName = (typeof types)[keyof typeof types];

/** A structure of a virtio PCI device, where its capability says. */
export interface Structure {
  readonly name: StructureName;
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
}

/** What the capability list of a function says, read as a driver reads it. */
export interface Layout {
  readonly structures: readonly Structure[];
  /** `notify_off_multiplier`. */
  readonly notifyMultiplier: number;
  /** Number of MSI-X table entries, and where in configuration space message control is. */
  readonly vectors: number;
  readonly msixControl: number | undefined;
  /** The virtio structure capabilities: where in configuration space they are; that of configuration access apart. */
  readonly capabilities: readonly { readonly start: number; readonly end: number }[];
  readonly window: number | undefined;
}

/** Reads the capability list (PCI 3.0, 6.7; virtio 4.1.4). */
export function readLayout({ config }: PciFunction): Layout {
  const structures: Structure[] = [];
  const capabilities: { start: number; end: number }[] = [];
  let window: number | undefined;
  let notifyMultiplier = 0;
  let vectors = 0;
  let msixControl: number | undefined;
  for (let at = config.read(0x34, 1) & 0xfc; at !== 0; at = config.read(at + 1, 1) & 0xfc) {
    const id = config.read(at, 1);
    if (id === msixCapability) {
      msixControl = at + 2;
      vectors = (config.read(msixControl, 2) & 0x7ff) + 1;
    }
    if (id !== vendorCapability) continue;
    const type = config.read(at + 3, 1);
    if (type === windowType) {
      window = at;
      continue;
    }
    capabilities.push({ start: at, end: at + config.read(at + 2, 1) });
    const name = (types as Readonly<Record<number, StructureName>>)[type];
    if (!name) continue;
    structures.push({
      name,
      bar: config.read(at + 4, 1),
      offset: config.read(at + 8, 4),
      length: config.read(at + 12, 4),
    });
    if (name === 'notify') notifyMultiplier = config.read(at + 16, 4);
  }
  return { structures, notifyMultiplier, vectors, msixControl, capabilities, window };
}

/** The structure that a place behind a BAR belongs to. */
export function structureAt({ structures }: Layout, bar: number, offset: number): Structure | undefined {
  return structures.find(
    (structure) => structure.bar === bar && offset >= structure.offset && offset < structure.offset + structure.length,
  );
}
