import { describe } from 'vitest';

import {
  addStatus,
  descriptor,
  descriptorFlag,
  features,
  headerBytes,
  readNetConfig,
  status,
  type FeatureName,
  type ModernTransport,
  type PackedRing,
  type SplitRing,
} from '../../../src/driver/index.js';
import { describeWrongDrivers, negotiated, withQueue, type Watched } from './watched.js';

const { next, write, indirect, available, used } = descriptorFlag;
const size = 16;
const frameBytes = 60;

/** A driver whose first transmit queue is at work, and a packet that it may send. */
interface Sender<Ring> {
  readonly transport: ModernTransport;
  readonly ring: Ring;
  /** A packet with its header. */
  readonly packet: { readonly address: number; readonly length: number; readonly writable: false };
  /** Makes a table of descriptors: address, length, flags, and next or (first) id. */
  readonly table: (
    ...entries: readonly (readonly [address: number, length: number, third: number, fourth: number])[]
  ) => Promise<number>;
  readonly notify: () => Promise<void>;
}

async function sender<Ring>(watched: Watched, ...except: readonly FeatureName[]): Promise<Sender<Ring>> {
  const { transport, ring, features: accepted } = await withQueue(watched, 1, ...except);
  await readNetConfig(transport, accepted);
  await addStatus(transport, status.driverOk);
  const length = headerBytes(accepted) + frameBytes;
  const address = await transport.memory.store(new Uint8Array(length));
  return {
    transport,
    ring: ring as Ring,
    packet: { address, length, writable: false },
    table: async (...entries) => {
      const at = await transport.memory.allocate(16 * entries.length, 16);
      for (const [i, entry] of entries.entries()) {
        await transport.memory.machine.writeBytes(at + 16 * i, descriptor(...entry));
      }
      return at;
    },
    notify: () => transport.notify(1, ring),
  };
}

const packed = 'VIRTIO_F_RING_PACKED';
const inOrder = 'VIRTIO_F_IN_ORDER';
const events = 'VIRTIO_F_EVENT_IDX';
const tables = 'VIRTIO_F_INDIRECT_DESC';
const split = (watched: Watched, ...except: readonly FeatureName[]): Promise<Sender<SplitRing>> =>
  sender(watched, packed, inOrder, ...except);

/** Gives the device the chain that begins at this descriptor. */
async function give({ ring, notify }: Sender<SplitRing>, head: number): Promise<void> {
  await ring.makeAvailable(head);
  await ring.setAvailableIndex(ring.availableIndex);
  await notify();
}

describe('a driver that uses a split ring wrongly', () => {
  describeWrongDrivers([
    {
      breaks: ['split-dri-001'],
      does: 'puts the available ring to an odd address',
      async run(watched) {
        const { transport } = await negotiated(watched, packed);
        await transport.set('queueSelect', 1);
        await transport.set('queueSize', size);
        await transport.writeAreas(0x4000, 0x5001, 0x6000);
        await transport.set('queueEnable', 1);
      },
    },
    {
      breaks: ['split-dri-002'],
      does: 'has a readable descriptor behind a writable one',
      async run(watched) {
        const driver = await split(watched);
        await driver.ring.writeDescriptor(0, driver.packet, write | next, 1);
        await driver.ring.writeDescriptor(1, driver.packet, 0);
        await give(driver, 0);
      },
    },
    {
      breaks: ['split-dri-004'],
      does: 'makes a loop',
      async run(watched) {
        const driver = await split(watched);
        await driver.ring.writeDescriptor(0, driver.packet, next, 1);
        await driver.ring.writeDescriptor(1, driver.packet, next, 0);
        await give(driver, 0);
      },
    },
    {
      breaks: ['split-dri-004'],
      does: 'leaves ring order with VIRTIO_F_IN_ORDER',
      async run(watched) {
        const driver = await sender<SplitRing>(watched, packed);
        await driver.ring.writeDescriptor(0, driver.packet, next, 5);
        await driver.ring.writeDescriptor(5, driver.packet, 0);
        await give(driver, 0);
      },
    },
    {
      breaks: ['split-dri-005'],
      does: 'uses a table without VIRTIO_F_INDIRECT_DESC',
      async run(watched) {
        const driver = await split(watched, tables);
        const { address, length } = driver.packet;
        const table = await driver.table([address, length, 0, 0]);
        await driver.ring.writeDescriptor(0, { address: table, length: 16, writable: false }, indirect);
        await give(driver, 0);
      },
    },
    {
      breaks: ['split-dri-006'],
      does: 'puts a table into a table',
      async run(watched) {
        const driver = await split(watched);
        const { address, length } = driver.packet;
        const inner = await driver.table([address, length, 0, 0]);
        const outer = await driver.table([inner, 16, indirect, 0]);
        await driver.ring.writeDescriptor(0, { address: outer, length: 16, writable: false }, indirect);
        await give(driver, 0);
      },
    },
    {
      breaks: ['split-dri-007'],
      does: 'makes a chain longer than the queue',
      async run(watched) {
        const driver = await split(watched);
        const { address } = driver.packet;
        const entries = Array.from({ length: size + 1 }, (_, i) => [address, 16, i < size ? next : 0, i + 1] as const);
        const table = await driver.table(...entries);
        await driver.ring.writeDescriptor(
          0,
          { address: table, length: 16 * entries.length, writable: false },
          indirect,
        );
        await give(driver, 0);
      },
    },
    {
      breaks: ['split-dri-008'],
      does: 'goes on behind a table',
      async run(watched) {
        const driver = await split(watched);
        const { address, length } = driver.packet;
        const table = await driver.table([address, length, 0, 0]);
        await driver.ring.writeDescriptor(0, { address: table, length: 16, writable: false }, indirect | next, 1);
        await give(driver, 0);
      },
    },
    {
      breaks: ['split-dri-009'],
      does: 'uses a table in another order with VIRTIO_F_IN_ORDER',
      async run(watched) {
        const driver = await sender<SplitRing>(watched, packed);
        const { address } = driver.packet;
        const table = await driver.table([address, 40, next, 2], [address, 1, 0, 0], [address, 32, 0, 0]);
        await driver.ring.writeDescriptor(0, { address: table, length: 48, writable: false }, indirect);
        await give(driver, 0);
      },
    },
    {
      breaks: ['basic-dri-024', 'split-dri-010'],
      does: 'takes a buffer back',
      async run(watched) {
        const { target } = watched;
        const driver = await split(watched);
        target.device.stall(0);
        await driver.ring.writeDescriptor(0, driver.packet, 0);
        await give(driver, 0);
        await driver.ring.setAvailableIndex(0);
        await driver.notify();
      },
    },
    {
      breaks: ['split-dri-011'],
      does: 'writes a flag that there is not',
      async run(watched) {
        const { transport, ring, notify } = await split(watched, events);
        await transport.memory.write16(ring.driverArea, 2);
        await notify();
      },
    },
    {
      breaks: ['split-dri-012'],
      does: 'writes a flag beside used_event',
      async run(watched) {
        const { transport, ring, notify } = await split(watched);
        await transport.memory.write16(ring.driverArea, 1);
        await notify();
      },
    },
    {
      breaks: ['split-dri-015'],
      does: 'gives the device a used ring with flags',
      async run(watched) {
        const { transport, ring } = await withQueue(watched, 1, packed);
        await transport.memory.write16(ring.deviceArea, 1);
        await addStatus(transport, status.driverOk);
      },
    },
    {
      breaks: ['split-dri-018'],
      does: 'never notifies',
      async run(watched) {
        const { transport, ring, packet } = await split(watched, events);
        await ring.add([packet]);
        await ring.publish();
        await transport.writeStatus(0);
      },
    },
    {
      breaks: ['split-dri-020'],
      does: 'never notifies with VIRTIO_F_EVENT_IDX',
      async run(watched) {
        const { transport, ring, packet } = await split(watched);
        await ring.add([packet]);
        await ring.publish();
        await transport.resetQueue(1);
      },
    },
    {
      breaks: ['basic-dri-023'],
      does: 'changes a descriptor that the device has',
      async run(watched) {
        const driver = await split(watched);
        const goOn = watched.target.device.stall(0);
        await driver.ring.writeDescriptor(0, driver.packet, 0);
        await give(driver, 0);
        await driver.ring.writeDescriptor(0, { ...driver.packet, length: driver.packet.length - 1 }, 0);
        goOn();
      },
    },
    {
      breaks: ['basic-dri-023'],
      does: 'changes an entry of the available ring that the device has not used',
      async run(watched) {
        const driver = await split(watched);
        const { target } = watched;
        const goOn = target.device.stall(0);
        for (const head of [0, 1]) {
          await driver.ring.writeDescriptor(head, driver.packet, 0);
          await driver.ring.makeAvailable(head);
        }
        await driver.ring.setAvailableIndex(2);
        await driver.notify();
        await driver.transport.memory.write16(driver.ring.driverArea + 4, 1);
        goOn();
      },
    },
    {
      breaks: ['basic-dri-033'],
      does: 'has a buffer where no memory is',
      async run(watched) {
        const driver = await split(watched);
        await driver.ring.writeDescriptor(0, { address: 2 ** 40, length: 100, writable: false }, 0);
        await give(driver, 0);
      },
    },
  ]);
});

describe('a driver that uses a packed ring wrongly', () => {
  const ringed = (watched: Watched, ...except: readonly FeatureName[]): Promise<Sender<PackedRing>> =>
    sender(watched, inOrder, ...except);

  describeWrongDrivers([
    {
      breaks: ['packed-dri-001'],
      does: 'puts an event structure to an address that is not aligned',
      async run(watched) {
        const { transport } = await negotiated(watched);
        await transport.set('queueSelect', 1);
        await transport.set('queueSize', size);
        await transport.writeAreas(0x4000, 0x5002, 0x6000);
        await transport.set('queueEnable', 1);
      },
    },
    {
      breaks: ['basic-dri-023', 'basic-dri-024', 'packed-dri-002', 'packed-dri-003'],
      does: 'makes a descriptor unavailable again',
      async run(watched) {
        const { ring, packet, notify } = await ringed(watched);
        const goOn = watched.target.device.stall(0);
        await ring.writeDescriptor(0, packet, 0, available);
        await ring.writeDescriptor(1, packet, 1, available);
        ring.next = { offset: 2, wrap: true };
        await ring.publish();
        await notify();
        await ring.writeDescriptor(1, packet, 1, used);
        goOn();
      },
    },
    {
      breaks: ['basic-dri-023', 'packed-dri-003'],
      does: 'changes a descriptor that the device has',
      async run(watched) {
        const { ring, packet } = await ringed(watched);
        const goOn = watched.target.device.stall(0);
        await ring.add([packet]);
        await ring.publish();
        await watchedNotify(watched, ring, 1);
        await ring.writeDescriptor(0, { ...packet, length: packet.length - 1 }, 0, available);
        goOn();
      },
    },
    {
      breaks: ['packed-dri-004'],
      does: 'names a position that it has not reached',
      async run(watched) {
        const { transport, ring, packet } = await ringed(watched);
        await ring.add([packet]);
        await ring.publish();
        await watchedNotify(watched, ring, 7);
        await transport.readStatus();
      },
    },
    {
      breaks: ['packed-dri-006'],
      does: 'makes a list without an end',
      async run(watched) {
        const { ring, packet, notify } = await ringed(watched);
        for (let at = 0; at < size; at++) await ring.writeDescriptor(at, packet, 0, available | next);
        await notify();
      },
    },
    {
      breaks: ['packed-dri-007'],
      does: 'has a readable descriptor behind a writable one',
      async run(watched) {
        const { ring, packet, notify } = await ringed(watched);
        await ring.add([{ ...packet, writable: true }, packet]);
        await ring.publish();
        await notify();
      },
    },
    {
      breaks: ['packed-dri-009'],
      does: 'begins a list for which there is no room',
      async run(watched) {
        const { ring, packet, notify } = await ringed(watched);
        watched.target.device.stall(0);
        for (let count = 0; count < size - 1; count++) await ring.add([packet]);
        await ring.publish();
        await notify();
        await ring.writeDescriptor(size - 1, packet, 15, available | next);
        await notify();
      },
    },
    {
      breaks: ['packed-dri-010'],
      does: 'makes the first of a list available before the second',
      async run(watched) {
        const { ring, packet, notify } = await ringed(watched);
        await ring.writeDescriptor(0, packet, 0, available | next);
        await notify();
      },
    },
    {
      breaks: ['packed-dri-011'],
      does: 'uses a table without VIRTIO_F_INDIRECT_DESC',
      run: async (watched) => withTable(await ringed(watched, tables), indirect | available, 0),
    },
    {
      breaks: ['packed-dri-012'],
      does: 'links the descriptors of a table',
      run: async (watched) => withTable(await ringed(watched), indirect | available, next),
    },
    {
      breaks: ['packed-dri-013'],
      does: 'makes a table longer than the queue',
      async run(watched) {
        const { ring, packet, table, notify } = await ringed(watched);
        const entries = Array.from({ length: size + 1 }, () => [packet.address, 16, 0, 0] as const);
        const address = await table(...entries);
        const element = { address, length: 16 * entries.length, writable: false };
        await ring.writeDescriptor(0, element, 0, indirect | available);
        ring.next = { offset: 1, wrap: true };
        await ring.publish();
        await notify();
      },
    },
    {
      breaks: ['packed-dri-014'],
      does: 'links a table into a list',
      async run(watched) {
        const { ring, packet, table, notify } = await ringed(watched);
        const address = await table([packet.address, packet.length, 0, 0]);
        await ring.writeDescriptor(1, { address, length: 16, writable: false }, 0, indirect | available);
        await ring.writeDescriptor(0, packet, 0, available | next);
        ring.next = { offset: 2, wrap: true };
        await ring.publish();
        await notify();
      },
    },
  ]);

  /** Sends a packet by a table whose descriptors have these flags. */
  async function withTable(
    { ring, packet, table, notify }: Sender<PackedRing>,
    flags: number,
    inner: number,
  ): Promise<void> {
    const address = await table([packet.address, packet.length, 0, inner]);
    await ring.writeDescriptor(0, { address, length: 16, writable: false }, 0, flags);
    ring.next = { offset: 1, wrap: true };
    await ring.publish();
    await notify();
  }

  /** Notifies of the first transmit queue, with a position that the driver makes up. */
  async function watchedNotify({ target }: Watched, ring: PackedRing, position: number): Promise<void> {
    const { function: card } = target;
    const named = (card.negotiation.features & features('VIRTIO_F_NOTIF_CONFIG_DATA')) !== 0n;
    expectData(card.negotiation.features);
    card.bars[0]!.write(0x4004, 4, (named ? 0x8001 : 1) + (position | 0x8000) * 0x10000);
    await Promise.resolve(ring);
  }

  function expectData(accepted: bigint): void {
    if ((accepted & features('VIRTIO_F_NOTIFICATION_DATA')) === 0n)
      throw new Error('VIRTIO_F_NOTIFICATION_DATA is off');
  }
});
