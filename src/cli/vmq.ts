#!/usr/bin/env node
import { constants } from 'node:os';

import { main } from './main.js';

// Whoever read what we write has gone, as in `vmq … | head`: end quietly, as SIGPIPE would have it.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', () => process.exit(128 + constants.signals.SIGPIPE));
}
process.exitCode = await main(process.argv.slice(2), process);
