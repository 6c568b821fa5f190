/** Links between threads: rings in shared memory, one for each lane and direction. */
export { sharedLink, type Bell, type LinkEnd, type LinkOptions } from './link.js';
export { SharedNode } from './node.js';
export { SharedPort, type SharedPortCounters } from './port.js';
export { leastRingBytes } from './ring.js';
export { newSleepWord, Sleeper, type SleepWord } from './sleeper.js';
