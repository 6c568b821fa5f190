import type { Machine } from '../../src/driver/index.js';

/** A machine that is nothing but RAM. */
export function ramMachine(size = 0x10000): Machine {
  const bytes = new Uint8Array(size);
  const absent = (): Promise<never> => Promise.reject(new Error('there is only RAM here'));
  return {
    name: 'RAM',
    ram: { start: 0x1000, end: size },
    memoryWindow: { start: 0, end: 0 },
    portWindow: { start: 0, end: 0 },
    readPort: absent,
    writePort: absent,
    read: absent,
    write: absent,
    readBytes: (address, length) => Promise.resolve(bytes.slice(address, address + length)),
    writeBytes: (address, written) => {
      bytes.set(written, address);
      return Promise.resolve();
    },
    lineAsserted: () => Promise.resolve(false),
    settle: () => Promise.resolve(),
    advance: () => Promise.resolve(),
  };
}

/** Bytes as hexadecimal digits. */
export function digits(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
