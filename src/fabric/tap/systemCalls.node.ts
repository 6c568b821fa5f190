import { constants } from 'node:os';
import process from 'node:process';
import { PortError } from '../portError.js';

/** What of the system's calls a tap needs. Those that fail answer the error's number with a minus before it. */
export interface SystemCalls {
  /** The argument is a structure that the call reads and writes, or a number. */
  ioctl(descriptor: number, request: number, argument: Uint8Array | number): number;
  /** Reads one packet; answers its length. */
  read(descriptor: number, target: Uint8Array): number;
  /** Writes the first `length` bytes as one packet. */
  write(descriptor: number, source: Uint8Array, length: number): number;
  /** A descriptor that `poll` sees as readable once 8 bytes that are not zero were written to it. */
  eventDescriptor(): number;
  /** Waits in a thread of its own until something happens to one of the descriptors, as poll of POSIX does. */
  poll(descriptors: Uint8Array): Promise<number>;
}

/** The part of koffi that is used here. It is optional, so that neither its code nor its types may be needed elsewhere. */
interface Koffi {
  load(path: null): { func(declaration: string): ForeignFunction };
  errno(): number;
}
type Value = Uint8Array | number;
interface ForeignFunction {
  (...values: readonly Value[]): number;
  async(...values: readonly [...Value[], (error: Error | null, result: number) => void]): void;
}

const koffiName = 'koffi';
let loaded: SystemCalls | undefined;

/** @throws PortError where the system has no taps, or the package that makes system calls is not installed */
export async function loadSystemCalls(packageName = koffiName): Promise<SystemCalls> {
  if (process.platform !== 'linux') throw new PortError('Taps are a thing of Linux; this is another system.');
  return (loaded ??= bind(await loadKoffi(packageName)));
}

async function loadKoffi(packageName: string): Promise<Koffi> {
  try {
    return ((await import(/* @vite-ignore */ packageName)) as { default: Koffi }).default;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const missing = code === 'ERR_MODULE_NOT_FOUND';
    const reason = missing ? 'is not installed' : `can't be loaded (${message.split('\n')[0]})`;
    throw new PortError(`A tap needs the package koffi, which ${reason}; npm install koffi brings it.`);
  }
}

function bind(koffi: Koffi): SystemCalls {
  const library = koffi.load(null);
  const control = library.func('int ioctl(int descriptor, unsigned long request, uintptr_t argument)');
  const controlBy = library.func('int ioctl(int descriptor, unsigned long request, void *argument)');
  const read = library.func('intptr_t read(int descriptor, void *target, size_t length)');
  const write = library.func('intptr_t write(int descriptor, const void *source, size_t length)');
  const poll = library.func('int poll(void *descriptors, unsigned long count, int timeout)');
  const eventfd = library.func('int eventfd(unsigned int value, int flags)');
  const orError = (result: number): number => (result < 0 ? -koffi.errno() : result);
  return {
    ioctl: (descriptor, request, argument) =>
      orError(
        typeof argument === 'number'
          ? control(descriptor, request, argument)
          : controlBy(descriptor, request, argument),
      ),
    read: (descriptor, target) => orError(read(descriptor, target, target.length)),
    write: (descriptor, source, length) => orError(write(descriptor, source, length)),
    eventDescriptor: () => orError(eventfd(0, nonBlocking | closeOnExec)),
    poll: (descriptors) =>
      new Promise((resolve, reject) => {
        const count = descriptors.length / pollBytes;
        poll.async(descriptors, count, -1, (error, result) => (error ? reject(error) : resolve(result)));
      }),
  };
}

/** O_NONBLOCK and O_CLOEXEC of most processors, as EFD_NONBLOCK and EFD_CLOEXEC. */
const nonBlocking = 0x800;
const closeOnExec = 0x80000;

/** Of `struct pollfd`: a descriptor (32 bits), what is asked and what came (16 bits each). */
export const pollBytes = 8;
export const pollFlag = { in: 1, out: 4 } as const;

/** The name of an error's number: EAGAIN. */
export function errorName(result: number): string {
  const found = Object.entries(constants.errno).find(([, number]) => number === -result);
  return found?.[0] ?? otherErrors[-result] ?? `error ${-result}`;
}

/** Those that Node does not name. */
const otherErrors: Readonly<Record<number, string>> = { 77: 'EBADFD' };
