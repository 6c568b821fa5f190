import type { BarSpace, RegisterSpace } from './function.js';

/** One structure behind a BAR. */
export interface Region {
  /** From the start of the BAR, in bytes. */
  readonly offset: number;
  readonly size: number;
  readonly space: RegisterSpace;
}

/** A memory BAR of `size` bytes behind which structures lie; between them it reads as zero and ignores writes. */
export function dispatchBar(size: number, regions: readonly Region[]): BarSpace {
  // By a loop: every notification comes this way, and a closure would be made for each.
  const find = (offset: number): Region | undefined => {
    for (const region of regions) {
      if (offset >= region.offset && offset < region.offset + region.size) return region;
    }
    return undefined;
  };
  return {
    kind: 'memory',
    size,
    read: (offset, width) => {
      const region = find(offset);
      return region ? region.space.read(offset - region.offset, width) : 0;
    },
    write: (offset, width, value) => {
      const region = find(offset);
      region?.space.write(offset - region.offset, width, value);
    },
  };
}
