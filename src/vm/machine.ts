import type { V86 } from 'v86';

import type { SerialLine } from './console.js';
import { destroyEmulator, restoreState, serialLine } from './emulator.js';

/**
 * A machine for a guest: an emulator, in this thread or in one of its own. There all but `destroy` fails with GuestEnded
 * when its worker fails or it is destroyed meanwhile, or was before.
 */
export interface Machine {
  /** Its first serial port. */
  readonly line: SerialLine;
  /** Puts it into a saved state, before its first run. */
  restore(state: ArrayBuffer): Promise<void>;
  run(): Promise<void>;
  /** Has it stand still. */
  pause(): Promise<void>;
  /** Everything it is now; it may run meanwhile. */
  save(): Promise<ArrayBuffer>;
  /** Stops it for good and lets go of what it holds. */
  destroy(): Promise<void>;
}

/** An emulator of this thread. */
export function localMachine(emulator: V86): Machine {
  return {
    line: serialLine(emulator),
    restore: (state) => restoreState(emulator, state),
    run: async () => {
      await emulator.run();
    },
    pause: async () => {
      await emulator.stop();
    },
    save: () => emulator.save_state(),
    destroy: () => destroyEmulator(emulator),
  };
}
