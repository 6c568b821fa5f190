/** PCI's numbers for virtio devices (virtio 4.1.2). */
export const virtioVendorId = 0x1af4;
/** A non-transitional device has this plus its virtio device id. */
export const modernDeviceIdBase = 0x1040;
/** Non-transitional devices have a revision of 1 or higher. */
export const modernRevision = 1;
/** A transitional device has revision 0, and its virtio device id as its subsystem id (4.1.2.3). */
export const transitionalRevision = 0;
/** Device ids of transitional devices, by virtio device id (4.1.2). */
export const transitionalDeviceIds: Readonly<Record<number, number>> = {
  1: 0x1000,
  2: 0x1001,
  3: 0x1003,
  4: 0x1005,
  5: 0x1002,
  8: 0x1004,
  9: 0x1009,
};
/** Class codes by virtio device id: base class, subclass, programming interface. */
export const classCodes: Readonly<Record<number, number>> = { 1: 0x020000 };
export const otherClassCode = 0xff0000;

/** Capability ids (PCI 3.0, appendix H). */
export const capabilityId = { vendor: 0x09, msix: 0x11 } as const;

/** `cfg_type` of virtio's vendor capabilities (virtio 4.1.4). */
export const configType = { common: 1, notify: 2, isr: 3, device: 4, pci: 5 } as const;

/** "No vector" in the vector registers (virtio 4.1.5.1.2). */
export const noVector = 0xffff;
