import '../../../src/vm/worker/main.node.js';
import { awaitProbes } from './probe.js';

// The package's own worker, which can be watched from inside.
awaitProbes();
