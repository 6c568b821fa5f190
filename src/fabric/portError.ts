/**
 * A port can't be opened as it was asked for. The message is one sentence for the person who asked: what was wrong, and
 * what would be right.
 */
export class PortError extends Error {
  override readonly name = 'PortError';
}
