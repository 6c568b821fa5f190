import type { AccessWidth, Register } from '../virtio/registers.js';
import { capabilityId, configType } from './ids.js';
import * as layout from './layout.js';

/** The registers of a capability after its id and its link to the next one. */
interface Capability {
  readonly name: string;
  readonly id: number;
  /** In bytes, with id and link. */
  readonly length: number;
  /** Offsets are from the start of the capability. */
  readonly registers: readonly Register[];
}

/** What the capabilities' registers do beside being read. */
export interface CapabilityHooks {
  /** Message control of MSI-X was written: bits 15 (enable) and 14 (function mask). */
  msixControl(value: number): void;
  /** The driver reads or writes through the PCI access window (virtio 4.1.4.9). */
  windowRead(): number;
  windowWrite(value: number): void;
}

/** Where the first capability stands: behind the header. */
export const firstCapability = 0x40;
export const msixEnable = 0x8000;
export const msixFunctionMask = 0x4000;

/**
 * The capability list of a virtio device with that many vectors and queues, whose structures lie behind BAR `bar`, as
 * registers of configuration space.
 */
export function capabilityRegisters(
  bar: number,
  vectors: number,
  queues: number,
  deviceConfigBytes: number,
  hooks: CapabilityHooks,
): Register[] {
  const { common, notify, isr, device, pci } = configType;
  return link([
    ...(vectors > 0 ? [msix(bar, vectors, hooks)] : []),
    virtio('common', common, bar, layout.commonOffset, layout.commonBytes),
    virtio('notify', notify, bar, layout.notifyOffset, queues * layout.notifyMultiplier, [
      readOnly('multiplier', 16, 4, layout.notifyMultiplier),
    ]),
    virtio('isr', isr, bar, layout.isrOffset, layout.isrBytes),
    virtio('device', device, bar, layout.deviceOffset, deviceConfigBytes),
    window(pci, hooks),
  ]);
}

function msix(bar: number, vectors: number, hooks: CapabilityHooks): Capability {
  return {
    name: 'msix',
    id: capabilityId.msix,
    length: 12,
    registers: [
      {
        name: 'control',
        offset: 2,
        width: 2,
        mask: msixEnable | msixFunctionMask,
        reset: vectors - 1,
        write: (value) => hooks.msixControl(value),
      },
      readOnly('table', 4, 4, layout.msixTableOffset | bar),
      readOnly('pending', 8, 4, layout.msixPendingOffset | bar),
    ],
  };
}

/** A virtio structure's capability (virtio 4.1.4, struct virtio_pci_cap). */
function virtio(
  name: string,
  type: number,
  bar: number,
  offset: number,
  length: number,
  more: readonly Register[] = [],
): Capability {
  const bytes = 16 + more.reduce((sum, register) => sum + register.width, 0);
  return {
    name,
    id: capabilityId.vendor,
    length: bytes,
    registers: [
      readOnly('length', 2, 1, bytes),
      readOnly('type', 3, 1, type),
      readOnly('bar', 4, 1, bar),
      readOnly('offset', 8, 4, offset),
      readOnly('size', 12, 4, length),
      ...more,
    ],
  };
}

/** The PCI access capability, whose bar, offset and length the driver sets (virtio 4.1.4.9). */
function window(type: number, hooks: CapabilityHooks): Capability {
  return {
    name: 'window',
    id: capabilityId.vendor,
    length: 20,
    registers: [
      readOnly('length', 2, 1, 20),
      readOnly('type', 3, 1, type),
      { name: 'bar', offset: 4, width: 1, mask: 0xff },
      { name: 'offset', offset: 8, width: 4, mask: 0xffffffff },
      { name: 'size', offset: 12, width: 4, mask: 0xffffffff },
      {
        name: 'data',
        offset: 16,
        width: 4,
        mask: 0xffffffff,
        read: () => hooks.windowRead(),
        write: (value) => hooks.windowWrite(value),
      },
    ],
  };
}

function readOnly(name: string, offset: number, width: AccessWidth, reset: number): Register {
  return { name, offset, width, reset };
}

/** Puts capabilities one behind the other on 4-byte boundaries, each linked to the next. */
function link(capabilities: readonly Capability[]): Register[] {
  let offset = firstCapability;
  return capabilities.flatMap(({ name, id, length, registers }, index) => {
    const at = offset;
    offset += (length + 3) & ~3;
    const next = index < capabilities.length - 1 ? offset : 0;
    return [
      readOnly(`${name}.id`, at, 1, id),
      readOnly(`${name}.next`, at + 1, 1, next),
      ...registers.map((register) => ({ ...register, name: `${name}.${register.name}`, offset: at + register.offset })),
    ];
  });
}
