export { announceGuest } from './announce.js';
export { NetDevice } from './device.js';
export { netFeatures, type NetFeatureName } from './features.js';
export type { NetDeviceOptions } from './options.js';
export type { NetDeviceState } from './state.js';
export {
  allDropped,
  dropReasons,
  filterReasons,
  type DropReason,
  type Drops,
  type FilterReason,
  type LaneCounters,
} from './link/counters.js';
export { Frame, gsoType } from './link/frame.js';
export { allOffloads, neededOffloads, offload } from './link/offloads.js';
export { connect, Sent, type Port } from './link/port.js';
export { formatMac, parseMac } from './link/mac.js';
