import { cost } from './guests/cost.js';
import { allocations } from './device/allocations.js';
import { device } from './device/device.js';
import { memory } from './device/memory.js';
import { switching } from './device/switching.js';
import { guests } from './guests/guests.js';
import { pktgen } from './guests/pktgen.js';
import { scaling } from './scaling/scaling.js';
import { stream } from './guests/stream.js';
import { crr, rr } from './guests/web.js';
import type { Suite } from './suite.js';

/** All suites, in the order in which they run. */
export const suites: readonly Suite[] = [
  guests,
  pktgen,
  rr,
  crr,
  stream,
  cost,
  scaling,
  device,
  allocations,
  memory,
  switching,
];
