import { exposeHost } from '../../vm/worker/expose.node.js';
import { StationHost } from './host.js';

// What the workers of `vmq` run.
exposeHost(StationHost);
