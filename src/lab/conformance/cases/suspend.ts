import {
  addStatus,
  commands,
  negotiate,
  readNetConfig,
  resume,
  setUpQueue,
  status,
  suspend,
} from '../../../driver/index.js';
import { choice, modernOf, type Bench } from '../bench.js';
import { claim, type Case } from '../case.js';
import { linkIsUp, msixOf } from '../events.js';
import { exchange, incoming, outgoing, sameFrames, sentFrames } from '../exchange.js';
import { becomes, MemoryImage } from '../rings.js';
import { hex } from '../../hex.js';

const common = { card: { pairs: 1 }, needs: ['VIRTIO_F_SUSPEND'], section: '1.4: 3.4' } as const;

/** The suspension of a device, which virtio 1.4 has first. */
export const suspendCases: readonly Case[] = [
  {
    ...common,
    id: 'suspend-before-driver-ok',
    statements: ['basic-dev-014'],
    expects: 'SUSPEND is ignored before DRIVER_OK, and the device goes on as if nothing was',
    async run(bench) {
      const transport = await bench.modern();
      const features = await negotiate(transport, choice({}));
      const early = await addStatus(transport, status.suspend);
      claim((early & status.suspend) === 0, `device status ${hex(early)} after SUSPEND without DRIVER_OK`);
      await setUpQueue(transport, features, 0, { size: 16 });
      const after = await addStatus(transport, status.driverOk);
      const right = (after & (status.suspend | status.driverOk)) === status.driverOk;
      claim(right, `device status ${hex(after)} after DRIVER_OK`);
      await exchange(bench, await bench.start());
      return `device status ${hex(early)} after SUSPEND, and ${hex(after)} after DRIVER_OK`;
    },
  },
  {
    ...common,
    id: 'suspend-configuration-writes',
    statements: ['basic-dev-014'],
    expects: 'what is written to the configuration of a suspended device is ignored',
    async run(bench) {
      const driver = await bench.start();
      const { transport, features } = driver;
      const before = await readNetConfig(transport, features);
      await suspend(transport);
      for (let offset = 0; offset < 12; offset++) await transport.writeConfig(offset, 1, 0xa5);
      const after = await readNetConfig(transport, features);
      claim(same(after, before), `the configuration was ${JSON.stringify(before)} and is ${JSON.stringify(after)}`);
      await resume(transport);
      claim(same(await readNetConfig(transport, features), before), 'another configuration when it went on');
      return 'twelve bytes written, and the same configuration as before';
    },
  },
  {
    ...common,
    id: 'suspend-quiet',
    statements: ['basic-dev-015'],
    expects: 'a suspended device touches no queue, sends no notification and keeps its configuration as it is',
    async run(bench) {
      const driver = await bench.start();
      const transport = modernOf(driver);
      await exchange(bench, driver);
      await suspend(transport);
      await driver.interrupts();
      const config = await readNetConfig(transport, driver.features);
      const image = await MemoryImage.take(transport);
      await bench.wire.send(...incoming(driver, 3));
      if (bench.target.setLink) await bench.target.setLink(false);
      await bench.quiet();
      const changes = await image.changes();
      claim(changes.length === 0, `${changes.length} bytes written to the driver's memory`);
      const interrupts = await driver.interrupts();
      claim(interrupts.queues.length === 0 && !interrupts.config, 'an interrupt of a suspended device');
      const now = await readNetConfig(transport, driver.features);
      claim(same(now, config), `the configuration was ${JSON.stringify(config)} and is ${JSON.stringify(now)}`);
      if (bench.target.setLink) await bench.target.setLink(true);
      await resume(transport);
      const packets = await driver.packets(3);
      return `nothing for three frames and a change of the link; ${packets.length} packets when it went on`;
    },
  },
  {
    ...common,
    id: 'suspend-configuration-change',
    statements: ['basic-dev-016', 'basic-dev-017'],
    expects: 'a change of the configuration is notified of when the device goes on, and not before',
    async run(bench) {
      const driver = await bench.start();
      const setLink = bench.ability('setLink');
      const before = await linkIsUp(driver);
      msixOf(driver);
      await suspend(driver.transport);
      await driver.interrupts();
      await setLink(!before);
      await bench.quiet();
      claim(!(await driver.interrupts()).config, 'a configuration change notification of a suspended device');
      await resume(driver.transport);
      claim(await becomes(bench, async () => (await driver.interrupts()).config), 'no notification when it went on');
      claim((await linkIsUp(driver)) === !before, 'a notification, and the configuration as before');
      return 'one notification, when the device went on';
    },
  },
  {
    ...common,
    id: 'suspend-status',
    statements: ['basic-dev-018'],
    expects: 'a device suspends itself when SUSPEND is set, or sets DEVICE_NEEDS_RESET',
    async run(bench) {
      const { transport } = await bench.start();
      await transport.writeStatus((await transport.readStatus()) | status.suspend);
      const done = await becomes(bench, async () => isSettled(await transport.readStatus(), status.suspend));
      return claim(done, `device status ${hex(await transport.readStatus())} after SUSPEND`);
    },
  },
  {
    ...common,
    id: 'suspend-resume',
    statements: ['basic-dev-019'],
    expects: 'a suspended device works as before when DRIVER_OK is set, or sets DEVICE_NEEDS_RESET',
    async run(bench) {
      const driver = await bench.start();
      const { transport } = driver;
      await exchange(bench, driver);
      await suspend(transport);
      await transport.writeStatus((await transport.readStatus()) | status.driverOk);
      const done = await becomes(bench, async () => isSettled(await transport.readStatus(), status.driverOk));
      const after = await transport.readStatus();
      claim(done, `device status ${hex(after)} after DRIVER_OK`);
      if (after & status.deviceNeedsReset) return 'the device needs a reset, and says so';
      await exchange(bench, driver);
      return `device status ${hex(after)}, and packets both ways`;
    },
  },
  {
    ...common,
    id: 'suspend-gives-back',
    statements: ['basic-dev-020'],
    expects: 'what the device took is used, and the driver told of it, before it says that it is suspended',
    needs: [...common.needs, 'VIRTIO_NET_F_NOTF_COAL'],
    async run(bench) {
      const driver = await bench.start();
      const { queue } = driver.transmitters[0];
      // An interrupt for a thousand packets, or after ten seconds.
      await driver.command(commands.setTransmitCoalescing({ maxPackets: 1000, maxMicroseconds: 10_000_000 }));
      await driver.interrupts();
      const out = outgoing(driver, 3);
      await driver.send(0, out);
      claim(sameFrames(await sentFrames(bench, 3), out), 'other frames than were sent');
      claim(
        !(await told(bench, driver, queue.index)),
        'an interrupt for three packets, though one for a thousand was set',
      );
      await suspend(driver.transport);
      const used = (await queue.collect()).length;
      claim(used === 3, `${used} of 3 buffers used when the device said that it is suspended`);
      claim(await told(bench, driver, queue.index), 'no interrupt for what was used before the device was suspended');
      return 'all buffers used, and one interrupt';
    },
  },
];

async function told(bench: Bench, driver: Awaited<ReturnType<Bench['start']>>, index: number): Promise<boolean> {
  await bench.quiet();
  return (await driver.interrupts()).queues.some((queue) => queue.index === index);
}

/** Whether of the two bits the one that is wanted is set, or the device has failed. */
function isSettled(value: number, wanted: number): boolean {
  const both = status.suspend | status.driverOk;
  return (value & both) === wanted || (value & status.deviceNeedsReset) !== 0;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
