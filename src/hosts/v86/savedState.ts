import type { PciFunction } from '../../pci/function.js';
import type { V86Cpu } from './v86.js';

/** A function on the bus, as resets and saved states see it. */
export interface KeptFunction {
  readonly slot: number;
  readonly fn: PciFunction;
  /** Copies the function's header to where v86 looks. */
  readonly describe: () => void;
}

/** What a saved state holds for each function, as JSON. */
interface SavedFunction {
  readonly slot: number;
  readonly name: string;
  readonly state: unknown;
}

/** Place of ours in the list that v86 saves; v86 itself uses the first 90. */
const stateIndex = 256;

/** Resets the functions together with the machine. */
export function keepThroughReset(cpu: V86Cpu, functions: readonly KeptFunction[], done: () => void): void {
  const reboot = cpu.reboot_internal;
  cpu.reboot_internal = () => {
    for (const { fn } of functions) fn.reset();
    done();
    reboot.call(cpu);
  };
}

/**
 * Makes `save_state` keep the functions' states, and `restore_state` give them back to the functions that are in the same
 * slot under the same name. A function that the saved machine did not have is as after power-on: what it knew of guest
 * memory holds no longer. After a restore `done` is called with the functions that were restored.
 */
export function keepThroughSavedState(
  cpu: V86Cpu,
  functions: readonly KeptFunction[],
  done: (restored: readonly PciFunction[]) => void,
): void {
  const { get_state: getState, set_state: setState } = cpu;
  cpu.get_state = () => {
    const state = getState.call(cpu);
    const saved: SavedFunction[] = functions.map(({ slot, fn }) => ({ slot, name: fn.name, state: fn.save() }));
    state[stateIndex] = JSON.stringify(saved);
    return state;
  };
  cpu.set_state = (state) => {
    // Before v86 takes up its own state, so that interrupt lines are released in the controllers that go.
    for (const { fn } of functions) fn.reset();
    setState.call(cpu, state);
    const text = state[stateIndex];
    const saved = typeof text === 'string' ? (JSON.parse(text) as SavedFunction[]) : [];
    const restored: PciFunction[] = [];
    for (const { slot, fn, describe } of functions) {
      describe();
      const own = saved.find((other) => other.slot === slot && other.name === fn.name);
      if (!own) continue;
      fn.restore(own.state);
      restored.push(fn);
    }
    done(restored);
  };
}
