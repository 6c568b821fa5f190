/** Bits of the device status field (virtio 2.1). */
export const status = {
  acknowledge: 1,
  driver: 2,
  driverOk: 4,
  featuresOk: 8,
  suspend: 16,
  deviceNeedsReset: 64,
  failed: 128,
} as const;
