/** The middle value, or the mean of the two in the middle. There is at least one value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The smallest and the largest value. There is at least one. */
export function range(values: readonly number[]): [least: number, most: number] {
  return [Math.min(...values), Math.max(...values)];
}

/** Four digits are more than a benchmark on a shared machine is worth. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
