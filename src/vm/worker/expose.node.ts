import * as Comlink from 'comlink';
import { workerData } from 'node:worker_threads';

import type { WorkerHost } from './host.js';
import { keepApart, type Place } from './processors.node.js';

/** What a guest's worker is given in Node: the port that its guest talks through, and its place among the workers. */
export interface WorkerData {
  readonly port: MessagePort;
  readonly place: Place;
}

/** Has a worker of Node be a guest's. */
export function exposeHost(Host: typeof WorkerHost): void {
  const { port, place } = workerData as WorkerData;
  const ownProcessors = keepApart(place);
  class PlacedHost extends Host {
    constructor(asleep: SharedArrayBuffer, deadline?: number) {
      super(asleep, deadline, ownProcessors);
    }
  }
  Comlink.expose(PlacedHost, port);
}
