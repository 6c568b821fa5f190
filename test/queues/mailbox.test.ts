import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from 'vitest';

import { newSleepWord, Sleeper } from '../../src/fabric/index.js';
import { Caller, newMailbox } from '../../src/queues/mailbox.js';
import { workerScript } from '../support/workerScript.js';

let script: URL;
beforeAll(async () => {
  script = await workerScript(new URL('./late.worker.ts', import.meta.url), 'queues-late');
});

describe('who asks another thread', () => {
  it('waits for the answer though the notification of the one before comes late', async () => {
    const mailbox = newMailbox();
    const worker = new Worker(script, { workerData: { mailbox } });
    const caller = new Caller(mailbox, new Sleeper(newSleepWord()));
    expect(caller.call('this', [])).toBe('answer to this');
    await worker.terminate();
  });
});
