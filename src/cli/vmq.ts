#!/usr/bin/env node
import { constants } from 'node:os';

import { exitStatus, main } from './main.js';

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    // Whoever read what we write has gone, as in `vmq … | head`: end quietly, as SIGPIPE would have it.
    if (code === 'EPIPE') process.exit(128 + constants.signals.SIGPIPE);
    process.stderr.write(`The output can't be written: ${message}.\n`);
    process.exit(exitStatus.failure);
  });
}
process.exitCode = await main(process.argv.slice(2), process);
