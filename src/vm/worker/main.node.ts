import { exposeHost } from './expose.node.js';
import { WorkerHost } from './host.js';

// What a guest's worker runs in Node.
exposeHost(WorkerHost);
