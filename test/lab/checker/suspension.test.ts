import { describe, expect, it } from 'vitest';

import { addStatus, NetDriver, openModern, reset, resume, status, suspend } from '../../../src/driver/index.js';
import { looks, describeWrongDrivers, watched, broken, type Watched } from './watched.js';

const frame = new Uint8Array(60).fill(1);

/** The same behind an empty packet header. */
const packet = Uint8Array.of(...new Uint8Array(12), ...frame);

/** A driver whose device is suspended. */
async function suspended(watched: Watched): Promise<NetDriver> {
  const driver = await started(watched);
  await suspend(driver.transport);
  return driver;
}

async function started({ target }: Watched): Promise<NetDriver> {
  return NetDriver.start(await openModern(target.machine), { pairs: 1, queueSize: 16, receive: { buffers: 4 } });
}

async function expose(driver: NetDriver): Promise<void> {
  const { ring } = driver.transmitters[0].queue;
  await ring.add([{ address: await driver.transport.memory.store(packet), length: packet.length, writable: false }]);
  await ring.publish();
}

describe('a driver that suspends the device wrongly', () => {
  describeWrongDrivers([
    {
      breaks: ['basic-dri-025'],
      does: 'sets SUSPEND before DRIVER_OK',
      async run({ target }) {
        const transport = await openModern(target.machine);
        await reset(transport);
        await addStatus(transport, status.acknowledge | status.suspend);
      },
    },
    {
      breaks: ['basic-dri-026'],
      does: 'has the device go on before it saw that it is suspended',
      async run(watched) {
        const { transport } = await started(watched);
        const running = await transport.readStatus();
        await transport.writeStatus(running | status.suspend);
        await transport.writeStatus(running | status.suspend);
      },
    },
    {
      breaks: ['basic-dri-027'],
      does: 'makes a buffer available to a suspended device',
      async run(watched) {
        const driver = await suspended(watched);
        await expose(driver);
        await resume(driver.transport);
      },
    },
    {
      breaks: ['basic-dri-028'],
      does: 'notifies a suspended device',
      async run(watched) {
        const driver = await suspended(watched);
        const { queue } = driver.transmitters[0];
        await driver.transport.notify(queue.index, queue.ring);
        await resume(driver.transport);
      },
    },
    {
      // Nor does a network card have any field for its driver to write.
      breaks: ['basic-dri-029', 'net-dri-001'],
      does: 'writes to the configuration of a suspended device',
      async run(watched) {
        const driver = await suspended(watched);
        await driver.transport.writeConfig(20, 4, 0);
        await resume(driver.transport);
      },
    },
    {
      breaks: ['basic-dri-030'],
      does: 'notifies a device that it has not seen go on yet',
      async run(watched) {
        const driver = await suspended(watched);
        const { transport } = driver;
        await transport.writeStatus((await transport.readStatus()) | status.driverOk);
        const { queue } = driver.transmitters[0];
        await transport.notify(queue.index, queue.ring);
      },
    },
  ]);
});

describe('a driver that suspends the device rightly', () => {
  it('breaks nothing, with packets before, meanwhile and after', async () => {
    const one = watched();
    const driver = await started(one);
    await driver.send(0, [frame]);
    await driver.sent(0);
    // Made available, and the device not told of it.
    await expose(driver);
    for (let round = 0; round < 3; round++) {
      await suspend(driver.transport);
      await one.target.wire.send(frame);
      await resume(driver.transport);
    }
    await driver.receive();
    expect(broken(one)).toEqual([]);
    for (const statement of ['basic-dri-026', 'basic-dri-027', 'basic-dri-028', 'basic-dri-030'] as const) {
      expect(looks(one, statement), statement).toBe(3);
    }
  });
});
