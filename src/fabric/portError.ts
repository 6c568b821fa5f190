import { wholeNumber, type NumberRange } from '../virtio/wholeNumber.js';

/**
 * A port can't be opened as it was asked for. The message is one sentence for the person who asked: what was wrong, and
 * what would be right.
 */
export class PortError extends Error {
  override readonly name = 'PortError';
}

/** An option of a port that has to be a whole number within a range. @throws PortError for any other */
export function portNumber(name: string, value: unknown, range: NumberRange): number {
  return wholeNumber(name, value, range, (text) => new PortError(`${text}.`));
}
