/** Traffic through pairs of queues that are driven in other threads than the card is: numbered frames, in flows. */
export { isComplete, shortFrame, type FlowReport } from './flow.js';
export { PairTraffic, type Sending } from './pairTraffic.js';
export { placePair, type PairPlace } from './place.js';
export { notifier } from './notifier.js';
