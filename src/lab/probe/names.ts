import { featureBits, type FeatureName } from '../../driver/index.js';

const names = new Map(Object.entries(featureBits).map(([name, bit]): [number, string] => [bit, name]));

/** A bit by the specification's name, or by its number where the specification gives it none. */
export function bitName(bit: number): FeatureName | `bit ${number}` {
  return (names.get(bit) as FeatureName | undefined) ?? `bit ${bit}`;
}

/** The bits of a set, lowest first. */
export function bitsOf(set: bigint): number[] {
  const bits: number[] = [];
  for (let bit = 0; set >> BigInt(bit) > 0n; bit++) if ((set >> BigInt(bit)) & 1n) bits.push(bit);
  return bits;
}

export function namesOf(set: bigint): string[] {
  return bitsOf(set).map(bitName);
}
