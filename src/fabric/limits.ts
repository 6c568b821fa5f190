import { wholeNumber } from '../virtio/wholeNumber.js';
import { anyFrameBytes } from './backlog.js';
import type { LaneLimits } from './lane.js';

/** What a switch keeps in all, and lets wait. */
export interface SwitchLimits extends LaneLimits {
  stations: number;
}

/** Any frame always fits into an empty backlog. */
const limits = {
  stations: { least: 1, most: 1 << 20, default: 4096 },
  backlogFrames: { least: 1, most: 1 << 20, default: 256 },
  backlogBytes: { least: anyFrameBytes, most: 1 << 30, default: 1 << 20 },
  deadline: { least: 0, most: 3_600_000, default: 5000 },
} as const;

/** The limits with those that were left out. @throws RangeError for one that is no whole number, or out of its range */
export function switchLimits(options: { readonly [Name in keyof SwitchLimits]?: number | undefined }): SwitchLimits {
  const number = (name: keyof SwitchLimits): number =>
    wholeNumber(name, options[name] ?? limits[name].default, limits[name], (text) => new RangeError(`${text}.`));
  return {
    stations: number('stations'),
    backlogFrames: number('backlogFrames'),
    backlogBytes: number('backlogBytes'),
    deadline: number('deadline'),
  };
}
