import {
  firstOf,
  openModern,
  readStructures,
  structureType,
  type Machine,
  type Structure,
} from '../../../driver/index.js';
import { claim, Nonconformance, type Case } from '../case.js';
import { virtioFunction } from './pciFunction.js';

type Kind = keyof typeof structureType;

/** The first structure of a kind. @throws Nonconformance when there is none */
export async function structure(machine: Machine, kind: Kind): Promise<Structure> {
  const found = firstOf(await readStructures(await virtioFunction(machine)), structureType[kind]);
  if (!found) throw new Nonconformance(`the function has no capability for ${names[kind]}`);
  return found;
}

const names: Readonly<Record<Kind, string>> = {
  common: 'a common configuration',
  notify: 'notifications',
  isr: 'an ISR status',
  device: 'a device configuration',
  pci: 'access through PCI configuration',
  sharedMemory: 'shared memory',
  vendor: "a vendor's data",
};

/** That there is a structure of this kind. */
export function presence(kind: Kind, statement: string, section: string): Case {
  return {
    id: `pci-${kind}-present`,
    statements: [statement],
    section,
    expects: `the function has a capability for ${names[kind]}`,
    async run({ machine }) {
      const { at } = await structure(machine, kind);
      return `one at 0x${at.toString(16)}`;
    },
  };
}

/** That every structure of this kind begins at a multiple of `bytes`. */
export function alignment(kind: Kind, bytes: number, statement: string, section: string): Case {
  return {
    id: `pci-${kind}-aligned`,
    statements: [statement],
    section,
    expects: `the offset of ${names[kind]} is a multiple of ${bytes}`,
    run: ({ machine }) => aligned(machine, kind, bytes),
  };
}

export async function aligned(machine: Machine, kind: Kind, bytes: number): Promise<string> {
  await structure(machine, kind);
  const all = await readStructures(await virtioFunction(machine));
  const offsets = all.filter(({ type }) => type === structureType[kind]).map(({ offset }) => offset);
  return claim(
    offsets.every((offset) => offset % bytes === 0),
    offsets.map((offset) => `offset 0x${offset.toString(16)}`).join(', '),
  );
}

/** The fields of a capability's own that are behind those of struct virtio_pci_cap, in bytes (virtio 4.1.4). */
const capabilityBytes = 16;
const extraBytes: Readonly<Partial<Record<number, number>>> = {
  [structureType.notify]: 4,
  [structureType.pci]: 4,
  [structureType.sharedMemory]: 8,
};

/** The capabilities that say where virtio's structures are (virtio 4.1.4). */
export const structureCases: readonly Case[] = [
  {
    id: 'pci-capability-length',
    statements: ['pci-dev-008'],
    section: '4.1.4.2',
    expects: 'cap_len counts all of a capability, with what its kind has behind the common fields',
    async run({ machine }) {
      const { card, structures } = await openModern(machine);
      const others = (await card.capabilities()).map(({ offset }) => offset);
      const wrong = structures.filter(({ type, at, capabilityLength: length }) => {
        const needed = type === structureType.vendor ? 8 : capabilityBytes + (extraBytes[type] ?? 0);
        return length < needed || others.some((other) => other > at && other < at + length) || at + length > 256;
      });
      const seen = (wrong.length ? wrong : structures).map(({ type, at, capabilityLength }) => {
        return `type ${type} at 0x${at.toString(16)}: ${capabilityLength}`;
      });
      return claim(wrong.length === 0, seen.join(', '));
    },
  },
  alignment('common', 4, 'pci-dev-010', '4.1.4.3.1'),
  presence('common', 'pci-dev-011', '4.1.4.3.1'),
];

/** The same of the device's own configuration (virtio 4.1.4.6). */
export const deviceStructureCases: readonly Case[] = [alignment('device', 4, 'pci-dev-038', '4.1.4.6.1')];
