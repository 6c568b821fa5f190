import type { DescriptorChain } from '../virtio/chain.js';
import type { GuestMemory } from '../virtio/memory.js';
import type { WrittenPages } from '../virtio/writtenPages.js';
import { copyWords } from './link/copy.js';
import type { Frame } from './link/frame.js';

/** Copies the first device-readable bytes of a chain, as many as `target` holds; the caller knows that it has them. */
export function readStart(chain: DescriptorChain, memory: GuestMemory, target: Uint8Array): void {
  const bytes = memory.bytes;
  for (let i = 0, done = 0; done < target.length; i++) {
    const address = chain.addresses[i];
    const length = Math.min(chain.lengths[i], target.length - done);
    for (let j = 0; j < length; j++) target[done + j] = bytes[address + j];
    done += length;
  }
}

/** Copies to the first device-writable bytes of a chain, and tells of them; the caller knows that it has room. */
export function writeStart(chain: DescriptorChain, memory: GuestMemory, source: Uint8Array): number {
  for (let i = chain.readableCount, done = 0; done < source.length; i++) {
    const address = chain.addresses[i];
    const length = Math.min(chain.lengths[i], source.length - done);
    if (length === 0) continue;
    memory.bytes.set(source.subarray(done, done + length), address);
    memory.written(address, length);
    done += length;
  }
  return source.length;
}

/** Makes the frame of the device-readable bytes of a chain after the first `skip`. */
export function addToFrame(chain: DescriptorChain, memory: GuestMemory, skip: number, frame: Frame): void {
  const { bytes, data } = memory;
  for (let i = 0; i < chain.readableCount; i++) {
    const length = chain.lengths[i];
    if (skip < length) frame.add(bytes, chain.addresses[i] + skip, length - skip, data);
    skip = Math.max(0, skip - length);
  }
}

/** What stands before the bytes of a frame, `length` of them. */
export interface Prefix {
  readonly data: DataView;
  readonly length: number;
}

/**
 * Writes to the device-writable bytes of a chain: first `prefix`, which may be empty, then the frame from `from` on, as
 * far as both fit. Answers how many bytes it wrote, prefix and all.
 */
export function fillChain(
  chain: DescriptorChain,
  memory: GuestMemory,
  pages: WrittenPages,
  prefix: Prefix,
  frame: Frame,
  from: number,
): number {
  let written = 0;
  for (let i = chain.readableCount; i < chain.count; i++) {
    // Anew each time: telling the emulator of written bytes may move its memory.
    const { bytes, data } = memory;
    const address = chain.addresses[i];
    const room = chain.lengths[i];
    if (room === 0) continue;
    const at = Math.max(0, Math.min(room, prefix.length - written));
    if (at > 0) copyWords(prefix.data, written, at, data, address);
    const sent = Math.max(0, written + at - prefix.length);
    const length = Math.min(room - at, frame.length - from - sent);
    if (length > 0) frame.copy(from + sent, length, bytes, address + at, data);
    const filled = at + length;
    if (filled === 0) break;
    pages.add(address, filled);
    written += filled;
  }
  return written;
}
