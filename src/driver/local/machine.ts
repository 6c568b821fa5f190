import type { Width } from '../machine.js';
import type { LocalMemory } from './memory.js';

/** A machine in this process: each access is done when its call returns. The members mean what `Machine` says. */
export interface LocalMachine {
  readonly memory: LocalMemory;
  write(address: number, width: Width, value: number): void;
  writePort(port: number, width: Width, value: number): void;
}
