/** How many bytes one access has. */
export type Width = 1 | 2 | 4;

/** Addresses or ports from `start` up to, but not including, `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * A machine with a PCI bus, as a program on its processor has it: everything a driver can do, and nothing else. Each
 * access is one of its own, in the width given, and is done when its promise is fulfilled. Nothing here knows virtio, so
 * a driver may do all of it in any order, or wrongly.
 *
 * Message-signalled interrupts need no part of the machine: a message is a write of 32 bits to an address that the driver
 * chooses, so the driver lets it go to a word of its own memory and looks there (msix.ts).
 */
export interface Machine {
  /** For people. */
  readonly name: string;
  /** Memory that is the driver's: its rings, its buffers, its interrupt messages. All of it is below 4 GiB. */
  readonly ram: Range;
  /** Where the driver may put memory BARs, and I/O BARs. */
  readonly memoryWindow: Range;
  readonly portWindow: Range;
  readPort(port: number, width: Width): Promise<number>;
  writePort(port: number, width: Width, value: number): Promise<void>;
  /** One access on the memory bus, to RAM or to what a memory BAR maps. All ones where nothing answers. */
  read(address: number, width: Width): Promise<number>;
  write(address: number, width: Width, value: number): Promise<void>;
  /** Bytes of RAM, in no special number of accesses. */
  readBytes(address: number, length: number): Promise<Uint8Array>;
  writeBytes(address: number, bytes: Uint8Array): Promise<void>;
  /** Whether any of the bus's four interrupt lines is asserted. */
  lineAsserted(): Promise<boolean>;
  /** Lets the machine do what it has begun: nothing where that is done at once, else a moment of real time. */
  settle(): Promise<void>;
  /** Lets `milliseconds` of the device's time pass. */
  advance(milliseconds: number): Promise<void>;
  /** How long `until` waits when it is not told, in milliseconds of real time; 20 s when left out. */
  patience?: number;
}

/** What the device did not do in time. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** A busy host may be slow, and a device that answers does so far earlier. */
const defaultPatience = 20_000;

/**
 * Lets the machine work until `check` answers something that is not undefined.
 * @throws TimeoutError when that takes longer than `milliseconds` of real time
 */
export async function until<T>(
  machine: Machine,
  what: string,
  check: () => Promise<T | undefined>,
  milliseconds = machine.patience ?? defaultPatience,
): Promise<T> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const answer = await check();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new TimeoutError(`${machine.name}: no ${what} within ${milliseconds} ms`);
    await machine.settle();
  }
}

/** The device did something that the specification forbids, and the driver can't go on. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
}
