import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';

import { NetDriver, openModern } from '../../src/driver/index.js';
import { machineFrom } from '../../src/lab/targets/immediate.js';
import { BareMachine } from '../../src/lab/targets/inProcess.js';
import { VirtioPciFunction } from '../../src/pci/index.js';
import { startQueueWorkers } from '../../src/queues/index.node.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { plainFrame } from '../support/frames.js';
import { workerScript } from '../support/workerScript.js';

const message = 'A thread that serves queues failed: a mistake.';

let script: URL;
beforeAll(async () => {
  script = await workerScript(new URL('./failing.worker.ts', import.meta.url), 'queues-failing');
});

describe('a worker that fails while it serves queues', () => {
  it('is told of to whoever uses its card, and the others end as they are told to', async () => {
    const memory = new SharedArrayBuffer(16 << 20);
    const clock = new ManualClock();
    const device = { mac: '52:54:00:12:34:56', queuePairs: 2 };
    const cards = startQueueWorkers(2, [{ memory, device }], clock, script);
    const [card] = cards.devices;
    const hardware = new BareMachine(new VirtioPciFunction(card), clock, memory);
    const machine = { ...machineFrom(hardware), settle: () => wait(1) };
    const driver = await NetDriver.start(await openModern(machine), { queueSize: 16 });
    expect(card.counters.map(({ txFrames }) => txFrames)).toEqual([0, 0]);

    await driver.send(0, [plainFrame(60)]);
    // It may still answer the first.
    expect(() => [card.counters, card.counters]).toThrow(message);
    expect((await cards.failed).message).toBe(message);
    await expect(cards.close()).rejects.toThrow(message);
    await expect(cards.close()).rejects.toThrow(message);
    expect(() => card.counters).toThrow('The threads of the card have ended');
    const words = new Int32Array(memory);
    expect([0, 1].map((thread) => words[words.length - 1 - thread])).toEqual([0, 1]);
  });
});
