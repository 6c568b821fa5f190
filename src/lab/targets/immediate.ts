import { LocalMemory, type LocalMachine } from '../../driver/index.js';
import type { Machine, Range, Width } from '../../driver/machine.js';

/** A machine in this process: every access is done when its call returns. The members mean what `Machine` says. */
export interface ImmediateMachine {
  readonly name: string;
  readonly ram: Range;
  readonly memoryWindow: Range;
  readonly portWindow: Range;
  readPort(port: number, width: Width): number;
  writePort(port: number, width: Width, value: number): void;
  read(address: number, width: Width): number;
  write(address: number, width: Width, value: number): void;
  /** RAM, to look at and to change during the call. */
  bytes(address: number, length: number): Uint8Array;
  lineAsserted(): boolean;
  settle(): Promise<void>;
  advance(milliseconds: number): Promise<void>;
}

/** The same machine behind the interface that drivers know. */
export function machineFrom(machine: ImmediateMachine): Machine {
  const { name, ram, memoryWindow, portWindow } = machine;
  return {
    name,
    ram,
    memoryWindow,
    portWindow,
    readPort: (port, width) => attempt(() => machine.readPort(port, width)),
    writePort: (port, width, value) => attempt(() => machine.writePort(port, width, value)),
    read: (address, width) => attempt(() => machine.read(address, width)),
    write: (address, width, value) => attempt(() => machine.write(address, width, value)),
    readBytes: (address, length) => attempt(() => machine.bytes(address, length).slice()),
    writeBytes: (address, bytes) => attempt(() => machine.bytes(address, bytes.length).set(bytes)),
    lineAsserted: () => attempt(() => machine.lineAsserted()),
    settle: () => machine.settle(),
    advance: (milliseconds) => machine.advance(milliseconds),
  };
}

/** The same machine as drivers without promises know it, which want its RAM as one piece. */
export function localMachine(machine: ImmediateMachine): LocalMachine {
  return {
    memory: new LocalMemory(machine.bytes(0, machine.ram.end)),
    write: (address, width, value) => machine.write(address, width, value),
    writePort: (port, width, value) => machine.writePort(port, width, value),
  };
}

/** Work that is done at once, as a promise; what it throws becomes a rejection. */
export function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
