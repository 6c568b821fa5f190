import * as Comlink from 'comlink';
import { workerData } from 'node:worker_threads';

import { StationHost } from './host.js';

/** What the workers of `vmq` run; each is given the port that its guest talks through. */
Comlink.expose(StationHost, (workerData as { port: MessagePort }).port);
