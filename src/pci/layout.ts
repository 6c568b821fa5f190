/**
 * Where the structures of a virtio-pci device lie behind its memory BAR. Each starts on a page of its own, so that a guest
 * may map them apart. The BAR has the size of v86's smallest mapping, so that no other device shares it.
 */
export const barBytes = 0x20000;

/** BAR 0 is the legacy interface's where there is one (virtio 4.1.5.1.1.1). */
export function memoryBar(transitional: boolean): number {
  return transitional ? 1 : 0;
}

export const commonOffset = 0x0000;
export const isrOffset = 0x1000;
export const deviceOffset = 0x2000;
export const notifyOffset = 0x4000;
export const msixTableOffset = 0x8000;
export const msixPendingOffset = 0x18000;

/**
 * Distance between the notification addresses of two queues. One address for each: an emulator that splits a 16-bit
 * write into bytes still names the queue with the first of them.
 */
export const notifyMultiplier = 4;

export const commonBytes = 60;
export const isrBytes = 1;
