import { workerData } from 'node:worker_threads';

import { Answerer } from '../../src/queues/mailbox.js';

/** Notifies whoever asks of an answer that it had before, and only then answers. */
const { mailbox } = workerData as { mailbox: SharedArrayBuffer };
const answerer = new Answerer(mailbox);
// The mailbox's first word is the one at which the asker waits.
while (Atomics.notify(new Int32Array(mailbox), 0) === 0);
while (!answerer.answer((method) => `answer to ${method}`));
