import { gsoType, type Frame } from './link/frame.js';

/** Length of `struct virtio_net_hdr` in bytes, with `num_buffers`, as VERSION_1 has it always (virtio 5.1.6). */
export const headerBytes = 12;

const field = { flags: 0, gsoType: 1, numBuffers: 10 } as const;
const flag = { needsChecksum: 1 } as const;

/** Whether the packet header asks for a checksum or for segmentation. */
export function asksForOffload(header: Uint8Array): boolean {
  return (header[field.flags] & flag.needsChecksum) !== 0 || header[field.gsoType] !== gsoType.none;
}

/**
 * Fills in the header of a packet for the driver. Without the offload features all but the number of buffers is zero
 * (5.1.6.4.1).
 */
export function writeHeader(header: Uint8Array, _frame: Frame, buffers: number): void {
  header.fill(0);
  header[field.numBuffers] = buffers & 0xff;
  header[field.numBuffers + 1] = buffers >>> 8;
}
