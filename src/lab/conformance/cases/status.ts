import {
  addStatus,
  has,
  negotiate,
  readNetConfig,
  receiveBufferBytes,
  reset,
  setUpQueue,
  status,
  type NetDriver,
  type Transport,
} from '../../../driver/index.js';
import { choice, type Bench } from '../bench.js';
import { claim, Skipped, type Case } from '../case.js';
import { becomes, MemoryImage, splitOf, storePacket, usedBuffers } from '../rings.js';
import { incoming, outgoing, packetBytes } from '../exchange.js';
import { same } from '../reception.js';

const card = { pairs: 1 };

/** The device status field (virtio 2.1). */
export const statusCases: readonly Case[] = [
  {
    id: 'status-before-driver-ok',
    statements: ['basic-dev-001'],
    section: '2.1.2',
    expects: 'before DRIVER_OK no buffer is used and no used buffer notification sent; afterwards both happen',
    card,
    async run(bench) {
      const transport = await bench.modern();
      const features = await negotiate(transport, choice({ except: ['VIRTIO_NET_F_MRG_RXBUF'] }));
      const config = await readNetConfig(transport, features);
      await transport.msix?.enable();
      const options = { size: 16, ...(transport.msix && { vector: 1 }) };
      const receive = await setUpQueue(transport, features, 0, options);
      const transmit = await setUpQueue(transport, features, 1, options);
      const length = receiveBufferBytes(features);
      await receive.add([{ address: await transport.memory.allocate(length), length, writable: true }]);
      const packet = packetBytes(features, outgoing({ config }, 1)[0]);
      const address = await transport.memory.store(packet);
      await transmit.add([{ address, length: packet.length, writable: false }]);
      await receive.publish();
      await transmit.publish();
      await bench.wire.send(...incoming({ config }, 1));
      await bench.quiet();
      const used = (await receive.collect()).length + (await transmit.collect()).length;
      const early = await signalled(transport);
      claim(used === 0 && !early, `${used} of 2 buffers used and ${early ? 'an' : 'no'} interrupt before DRIVER_OK`);
      await addStatus(transport, status.driverOk);
      await transport.notify(0, receive);
      await transport.notify(1, transmit);
      await bench.wire.send(...incoming({ config }, 1));
      await usedBuffers(bench, receive, 1);
      await usedBuffers(bench, transmit, 1);
      const late = await becomes(bench, () => signalled(transport));
      return claim(
        late,
        `0 of 2 buffers used before DRIVER_OK, both afterwards, ${late ? 'with' : 'but without'} interrupt`,
      );
    },
  },
  {
    id: 'status-needs-reset',
    statements: ['basic-dev-002'],
    section: '2.1.2',
    expects: 'a device that can not go on after a broken queue sets DEVICE_NEEDS_RESET',
    card,
    async run(bench) {
      const driver = await bench.start();
      await breakQueue(driver);
      const now = await errorState(bench, driver);
      const set = (now & status.deviceNeedsReset) !== 0;
      return claim(set, `device status ${now} after a broken queue${set ? '' : ', and nothing is sent any more'}`);
    },
  },
  ...(['msix', 'intx'] as const).map((interrupts): Case => ({
    id: `status-needs-reset-notification-${interrupts}`,
    statements: ['basic-dev-003'],
    section: '2.1.2',
    expects: 'with DRIVER_OK set, DEVICE_NEEDS_RESET comes with a configuration change notification',
    card,
    async run(bench) {
      const driver = await bench.start({ interrupts });
      if (interrupts === 'msix' && !driver.usesMsix) throw new Skipped('the card has no MSI-X');
      await driver.interrupts();
      await breakQueue(driver);
      const now = await errorState(bench, driver);
      if ((now & status.deviceNeedsReset) === 0) throw new Skipped('the card does not set DEVICE_NEEDS_RESET');
      const told = await becomes(bench, async () => (await driver.interrupts()).config);
      return claim(told, `device status ${now} and ${told ? 'a' : 'no'} configuration change notification`);
    },
  })),
];

/** The reset of the device (virtio 2.4). */
export const resetCases: readonly Case[] = [
  {
    id: 'status-after-reset',
    statements: ['basic-dev-008'],
    section: '2.4.1',
    expects: 'the device status is 0 after a reset',
    async run(bench) {
      const transport = await bench.modern();
      await negotiate(transport, choice({}));
      await addStatus(transport, status.driverOk);
      await reset(transport);
      const after = await transport.readStatus();
      return claim(after === 0, `device status ${after} after the reset of a device that was in use`);
    },
  },
  {
    id: 'reset-ends-activity',
    statements: ['basic-dev-009'],
    section: '2.4.1',
    expects: 'after the reset the device writes to no ring or buffer and sends no notification, whatever happens',
    card,
    async run(bench) {
      const driver = await bench.start();
      const { transport } = driver;
      await driver.interrupts();
      await bench.wire.send(...incoming(driver, 1));
      await driver.packets(1);
      const before = (await driver.interrupts()).queues.length;
      claim(before > 0, 'no interrupt for a frame that came before the reset');
      const { queue } = driver.transmitters[0];
      await queue.add([await storePacket(driver, outgoing(driver, 1)[0])]);
      await queue.ring.publish();
      await reset(transport);
      await signalled(transport);
      const image = await MemoryImage.take(transport);
      await bench.wire.send(...incoming(driver, 3));
      if (has(driver.features, 'VIRTIO_NET_F_STATUS')) {
        await bench.target.setLink?.(false);
        await bench.target.setLink?.(true);
      }
      await bench.quiet();
      const changes = await image.changes();
      const sent = (await bench.wire.take()).length;
      const line = await bench.machine.lineAsserted();
      return claim(
        changes.length === 0 && sent === 0 && !line,
        `${changes.length} bytes of the driver's memory written, ${sent} packets sent, interrupt line ${line ? '' : 'not '}asserted`,
      );
    },
  },
];

/** Whether there was any interrupt since the last time. */
async function signalled(transport: Transport): Promise<boolean> {
  const { msix } = transport;
  return msix ? (await msix.takeAll()).length > 0 : (await transport.readIsr()) !== 0;
}

/** Makes a descriptor available that the table of the transmit queue does not have. */
async function breakQueue({ transmitters: [{ queue }] }: NetDriver): Promise<void> {
  const ring = splitOf(queue);
  await ring.makeAvailable(ring.size);
  await ring.setAvailableIndex(ring.availableIndex);
  await queue.notify();
}

/** The device status of a card whose transmit queue is broken. @throws Skipped when the card goes on as if it were not */
async function errorState(bench: Bench, driver: NetDriver): Promise<number> {
  const { transport } = driver;
  await bench.quiet();
  const now = await transport.readStatus();
  if (now & status.deviceNeedsReset) return now;
  const [frame] = outgoing(driver, 1);
  const { queue } = driver.transmitters[0];
  await queue.add([await storePacket(driver, frame)]);
  await queue.ring.publish();
  await queue.notify();
  const goesOn = await becomes(bench, async () => (await bench.wire.take()).some(({ bytes }) => same(bytes, frame)));
  if (goesOn) throw new Skipped('the card goes on sending after a descriptor index that is outside of the table');
  return transport.readStatus();
}
