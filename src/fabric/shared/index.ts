/** Links between threads: rings in shared memory, one for each lane and direction. */
export { newSleepWord, sharedLink, type Bell, type LinkEnd, type LinkOptions, type SleepWord } from './link.js';
export { SharedNode } from './node.js';
export { SharedPort, type SharedPortCounters } from './port.js';
export { leastRingBytes } from './ring.js';
