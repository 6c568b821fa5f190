import { guests } from './guests/guests.js';
import { stream } from './guests/stream.js';
import type { Suite } from './suite.js';

/** All suites, in the order in which they run. */
export const suites: readonly Suite[] = [guests, stream];
