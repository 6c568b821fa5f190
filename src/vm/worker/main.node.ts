import * as Comlink from 'comlink';
import { workerData } from 'node:worker_threads';

import { WorkerHost } from './host.js';

/** What a guest's worker runs in Node; it is given the port that its guest talks through. */
Comlink.expose(WorkerHost, (workerData as { port: MessagePort }).port);
