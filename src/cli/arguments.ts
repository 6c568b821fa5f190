import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';

import { UserError } from '../vm/index.node.js';
import { backends, type BackendName } from './backends.js';
import { lastGuest, type GuestNumbers } from './guestNumbers.js';
import type { GuestCommand } from './runs.js';

/** What the options that are numbers may be; all are whole. */
export const ranges = {
  guests: { least: 1, most: lastGuest, of: '' },
  'first-guest': { least: 1, most: lastGuest, of: '' },
  queues: { least: 1, most: 256, of: '' },
  /** v86 keeps the initial RAM disk above 64 MiB, and addresses memory with 31 bits. */
  memory: { least: 65, most: 2047, of: ' of MiB' },
  'snap-length': { least: 14, most: 262144, of: ' of bytes' },
  mtu: { least: 68, most: 65535, of: ' of bytes' },
  connections: { least: 1, most: 65535, of: '' },
  timeout: { least: 1, most: 86400, of: ' of seconds' },
  random: { least: 0, most: 1000000, of: '' },
  seed: { least: 0, most: 0xffffffff, of: '' },
} as const;
export type NumberOption = keyof typeof ranges;

/** Reads the value of an option that is a number. @throws UserError when it is none, or out of its range */
export function wholeNumber(option: NumberOption): (text: string) => number {
  const { least, most, of } = ranges[option];
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new UserError(`--${option} takes a whole number${of} from ${least} to ${most}; '${text}' is not one.`);
  };
}

/** Reads the value of --backend. @throws UserError when there is no such backend */
export function backendName(text: string): BackendName {
  const names = Object.keys(backends) as BackendName[];
  const found = names.find((name) => name === text);
  if (found) return found;
  throw new UserError(`--backend takes ${names.join(' or ')}; '${text}' is not one.`);
}

/** Reads the value of --mirror. @throws UserError when apt could not use it */
export function mirrorUrl(text: string): string {
  if (/^(https?:\/\/[^/\s]|file:\/)\S*$/.test(text)) return text;
  throw new UserError(
    `--mirror takes the address of a Debian mirror, such as http://host/debian; '${text}' is not one.`,
  );
}

/** Reads the value of an option that is a file. @throws UserError when there is none, or it cannot be read */
export function readableFile(option: 'kernel' | 'initrd'): (path: string) => string {
  return (path) => {
    if (!isReadable(path)) throw new UserError(`--${option} takes a file that can be read; '${path}' is not one.`);
    return path;
  };
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Reads the value of an option that is a file to be written. @throws UserError when that can't be done */
export function writableFile(option: 'html'): (path: string) => string {
  return (path) => {
    if (!isWritable(path)) throw new UserError(`--${option} takes a file that can be written; '${path}' is not one.`);
    return path;
  };
}

/** A file that is there, or one that may be made in its folder. */
function isWritable(path: string): boolean {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    accessSync(found ? path : dirname(path), constants.W_OK);
    return !found?.isDirectory() && path !== '';
  } catch {
    return false;
  }
}

/** Reads the value of --capture. @throws UserError when it is empty */
export function captureFile(text: string): string {
  if (text !== '') return text;
  throw new UserError('--capture takes a file, or - for standard output.');
}

/** Adds a value to those given before. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/**
 * Reads the value of --exec: a shell command for the first guest, or a guest's number, a colon and a shell command.
 * @throws UserError when there is no such guest, or no command
 */
export function guestCommand(text: string, guests: GuestNumbers): GuestCommand {
  const [, number, rest] = /^(\d+):(.*)$/s.exec(text) ?? [];
  const guest = number === undefined ? guests.first : Number(number);
  const command = rest ?? text;
  guests.check(`--exec '${text}'`, guest);
  if (command.trim() === '') throw new UserError(`--exec '${text}' has no command.`);
  return { guest, command };
}
