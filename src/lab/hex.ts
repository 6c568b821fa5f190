/** A number as the specification writes it: 0x0b. @param bytes how many it has, where leading zeros tell that */
export function hex(value: number | bigint, bytes = 0): string {
  return `0x${value.toString(16).padStart(2 * bytes, '0')}`;
}
