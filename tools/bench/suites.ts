import { guests } from './guests/guests.js';
import type { Suite } from './suite.js';

/** All suites, in the order in which they run. */
export const suites: readonly Suite[] = [guests];
