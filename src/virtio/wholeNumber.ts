/** Both ends are in it. */
export interface NumberRange {
  readonly least: number;
  readonly most: number;
}

/**
 * An option that has to be a whole number within a range.
 * @param failure makes the error for any other, of what is wrong and what would be right, a sentence but for its full stop
 */
export function wholeNumber(
  name: string,
  value: unknown,
  { least, most }: NumberRange,
  failure: (text: string) => Error,
): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw failure(`${name} is ${String(value)}; it must be a whole number from ${least} to ${most}`);
}
