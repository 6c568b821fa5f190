import type { Place } from '../results.js';

export const queueCounts = [1, 2, 4] as const;
export const sessionCounts = [1, 2, 4, 20] as const;

/** The values that each part of a table's places takes. */
export type Axes = Readonly<Record<string, readonly number[]>>;

/** All places of a table, the first part changing most often; when `quick`, only its corners. */
export function placesOf(axes: Axes, quick: boolean): Place[] {
  let places: Place[] = [{}];
  for (const [name, all] of Object.entries(axes)) {
    const values = quick ? [...new Set([all[0], all[all.length - 1]])] : all;
    places = values.flatMap((value) => places.map((place) => ({ ...place, [name]: value })));
  }
  return places;
}
