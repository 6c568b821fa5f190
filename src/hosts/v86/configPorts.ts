import type { RegisterSpace } from '../../pci/function.js';
import type { AccessWidth } from '../../virtio/registers.js';
import { allOnes } from './guard.js';
import { servePorts } from './ports.js';
import type { V86Io, V86Pci, V86Port } from './v86.js';

/** CONFIG_DATA of PCI's configuration mechanism 1 (PCI 3.0, 3.2.2.3.2). */
const configData = 0xcfc;

const readers = { 1: 'read8', 2: 'read16', 4: 'read32' } as const satisfies Record<AccessWidth, keyof V86Port>;
const writers = { 1: 'write8', 2: 'write16', 4: 'write32' } as const satisfies Record<AccessWidth, keyof V86Port>;

/**
 * Takes over the configuration data ports. v86 fetches the register's value when its address is written, and has no way
 * to tell a device of accesses; here `find` answers the configuration space of a function that is not v86's (by slot * 8
 * + function number), and that gets each access when it happens, in its own width. All else is v86's as before.
 */
export function serveConfigPorts(io: V86Io, pci: V86Pci, find: (devfn: number) => RegisterSpace | undefined): void {
  const before = io.ports.slice(configData, configData + 4);
  const address = pci.pci_addr;

  /** The addressed function's space. */
  const addressed = (): RegisterSpace | undefined => (address[2] === 0 ? find(address[1]) : undefined);
  /** Whether the address is one for configuration space, and the access stays within the addressed register. */
  const valid = (offset: number, width: AccessWidth): boolean => (address[3] & 0x80) !== 0 && offset + width <= 4;

  servePorts(io, configData, 4, {
    read(offset, width) {
      const space = addressed();
      if (space) return valid(offset, width) ? space.read((address[0] & 0xfc) + offset, width) : allOnes[width];
      const port = before[offset];
      return port[readers[width]].call(port.device, configData + offset);
    },
    write(offset, width, value) {
      const space = addressed();
      if (space) {
        if (valid(offset, width)) space.write((address[0] & 0xfc) + offset, width, value);
      } else if (pci.device_spaces[(address[2] << 8) | address[1]]) {
        const port = before[offset];
        port[writers[width]].call(port.device, value);
      }
      // Where there is no function, v86 would throw a TypeError into the guest's instruction; a bus ignores the write.
    },
  });
}
