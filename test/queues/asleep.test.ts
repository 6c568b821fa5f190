import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';

import { NetDriver, openModern, until } from '../../src/driver/index.js';
import { CardWire } from '../../src/lab/targets/cardWire.js';
import { machineFrom } from '../../src/lab/targets/immediate.js';
import { BareMachine } from '../../src/lab/targets/inProcess.js';
import { VirtioPciFunction } from '../../src/pci/index.js';
import { startQueueWorkers } from '../../src/queues/index.node.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { plainFrame } from '../support/frames.js';
import { workerScript } from '../support/workerScript.js';

let script: URL;
beforeAll(async () => {
  script = await workerScript(new URL('../../src/queues/main.node.ts', import.meta.url), 'queues-asleep');
});

describe('a worker that sleeps', () => {
  it('has the line asserted for a frame that wakes it', async () => {
    const memory = new SharedArrayBuffer(16 << 20);
    const clock = new ManualClock();
    const cards = startQueueWorkers(
      1,
      [{ memory, device: { mac: '52:54:00:12:34:56', queuePairs: 1 } }],
      clock,
      script,
    );
    const [card] = cards.devices;
    const hardware = new BareMachine(new VirtioPciFunction(card), clock, memory);
    const machine = { ...machineFrom(hardware), settle: () => wait(1) };
    const driver = await NetDriver.start(await openModern(machine), { queueSize: 16, interrupts: 'intx' });
    // Long enough to fall asleep, with nothing to do.
    await wait(50);
    await driver.interrupts();
    expect(hardware.lineAsserted()).toBe(false);
    await new CardWire(card).send(plainFrame(60).fill(0xff, 0, 6));
    await until(machine, 'interrupt', () => Promise.resolve(hardware.lineAsserted() || undefined));
    expect(await driver.receive()).toHaveLength(1);
    await cards.close();
  });
});
