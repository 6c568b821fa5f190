import type { RegisterSpace } from '../../pci/function.js';
import type { AccessWidth } from '../../virtio/registers.js';

/** What a read finds where nothing answers. */
export const allOnes: Readonly<Record<AccessWidth, number>> = { 1: 0xff, 2: 0xffff, 4: 0xffffffff };

/** The same registers, but what they throw goes to `report`: an exception would tear the emulator out of an instruction. */
export function guarded(space: RegisterSpace, report: (error: unknown) => void): RegisterSpace {
  return {
    read(offset, width) {
      try {
        return space.read(offset, width);
      } catch (error) {
        report(error);
        return allOnes[width];
      }
    },
    write(offset, width, value) {
      try {
        space.write(offset, width, value);
      } catch (error) {
        report(error);
      }
    },
  };
}
