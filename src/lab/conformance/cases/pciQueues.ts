import {
  negotiate,
  Queue,
  reset,
  setUpQueue,
  TransmitQueue,
  until,
  type ModernTransport,
  type NetDriver,
} from '../../../driver/index.js';
import { choice, modernOf, type Bench } from '../bench.js';
import { claim, Skipped, type Case } from '../case.js';
import { received, transmitted } from '../events.js';
import { inbound, marker, outbound } from '../traffic.js';
import { MemoryImage } from '../rings.js';
import { ofQueues } from './pciCommon.js';

const section = '4.1.4.3.1';

/** Writes 1 to queue_reset, and waits for the device to say that it is done. Answers what it said first. */
async function resetQueue({ machine }: Bench, transport: ModernTransport, index: number): Promise<number> {
  await transport.set('queueSelect', index);
  await transport.set('queueReset', 1);
  const first = await transport.get('queueReset');
  await until(machine, `end of the reset of queue ${index}`, async () => {
    return (await transport.get('queueReset')) === 0 ? true : undefined;
  });
  return first;
}

/** A transmit queue that was reset, given to the device anew, with a ring of another size. */
async function again(driver: NetDriver, transport: ModernTransport): Promise<TransmitQueue> {
  const [{ queue }] = driver.transmitters;
  const size = queue.ring.size / 2;
  const { vector } = queue;
  const ring = await setUpQueue(transport, driver.features, queue.index, {
    size,
    ...(vector !== undefined && { vector }),
  });
  return new TransmitQueue(transport, driver.features, new Queue(transport, queue.index, ring, vector), 0);
}

async function send(bench: Bench, driver: NetDriver, transmitter: TransmitQueue): Promise<void> {
  await transmitter.send([marker(outbound(driver))]);
  await until(bench.machine, 'end of transmission on the queue that was reset', async () => {
    return (await transmitter.reclaim()) === 1 ? true : undefined;
  });
  await bench.fromCard(1);
}

const resets = { card: { pairs: 1 }, needs: ['VIRTIO_F_RING_RESET'] } as const satisfies Partial<Case>;

/** The queues of a driver that knows of one pair. */
const pairAndControl = 3;

/** How many of these queues there are. */
const countOf = (sizes: readonly number[]): number => sizes.filter((size) => size !== 0).length;

/** Sizes that no split queue may have. */
const oddSizes = [3, 24, 255, 0x7fff, 0xffff] as const;

/** The registers of a queue (virtio 4.1.4.3). */
export const queueRegisterCases: readonly Case[] = [
  {
    id: 'queue-reset-register-after-reset',
    statements: ['pci-dev-017'],
    section,
    expects: 'queue_reset is 0 after a reset of the device, of every queue',
    needs: ['VIRTIO_F_RING_RESET'],
    async run(bench) {
      const driver = await bench.start();
      const transport = modernOf(driver);
      for (const { index } of driver.queues) {
        await transport.set('queueSelect', index);
        await transport.set('queueReset', 1);
      }
      await reset(transport);
      await negotiate(transport, choice({}));
      const after = await ofQueues(transport, 'queueReset');
      const seen = `queue_reset ${after.join(', ')} after a reset in which every queue was being reset`;
      return claim(after.length > 0 && after.every((value) => value === 0), seen);
    },
  },
  {
    id: 'queue-reset-register-after-enable',
    statements: ['pci-dev-018'],
    section,
    expects: 'queue_reset is 0 after the queue is enabled again',
    ...resets,
    async run(bench) {
      const driver = await bench.start();
      const transport = modernOf(driver);
      await transmitted.cause(bench, driver);
      await bench.fromCard(1);
      await resetQueue(bench, transport, driver.transmitters[0].queue.index);
      const transmitter = await again(driver, transport);
      const [enabled, register] = [await transport.get('queueEnable'), await transport.get('queueReset')];
      await send(bench, driver, transmitter);
      const seen = `queue_enable ${enabled} and queue_reset ${register} after the queue was enabled again, and is in use`;
      return claim(enabled === 1 && register === 0, seen);
    },
  },
  {
    id: 'queue-reset',
    statements: ['pci-dev-019'],
    section,
    expects:
      'writing 1 to queue_reset resets the queue: its ring is not used any more, and a new one is from its start',
    ...resets,
    async run(bench) {
      const driver = await bench.start();
      const transport = modernOf(driver);
      const [before] = driver.transmitters;
      await transmitted.cause(bench, driver);
      await bench.fromCard(1);
      await resetQueue(bench, transport, before.queue.index);
      await before.add(marker(outbound(driver)));
      await before.queue.ring.publish();
      await before.queue.notify();
      await bench.quiet();
      const [used, sent] = [await before.reclaim(), (await bench.wire.take()).length];
      claim(used + sent === 0, `after the reset ${used} buffers of the old ring were used, ${sent} frames sent`);
      await send(bench, driver, await again(driver, transport));
      return 'nothing of the old ring was used; a frame went out from the first entry of a new one';
    },
  },
  {
    id: 'queue-reset-ongoing',
    statements: ['pci-dev-020'],
    section,
    expects: 'queue_reset is 1 until the reset is done: once it is 0 the device writes nothing more of the queue',
    ...resets,
    async run(bench) {
      const driver = await bench.start();
      const transport = modernOf(driver);
      const [{ queue }] = driver.receivers;
      await received.cause(bench, driver);
      const incoming = Array.from({ length: 4 }, () => marker(inbound(driver)));
      await bench.wire.send(...incoming);
      const first = await resetQueue(bench, transport, queue.index);
      const memory = await MemoryImage.take(transport);
      await bench.wire.send(...incoming);
      await bench.quiet();
      const { length } = await memory.changes();
      return claim(
        length === 0,
        `queue_reset ${first}, then 0; frames that come then change ${length} bytes of the driver's memory`,
      );
    },
  },
  {
    id: 'queue-reset-complete',
    statements: ['pci-dev-021'],
    section,
    expects: 'queue_reset and queue_enable are both 0 when the reset of a queue is done, whatever the others are',
    needs: ['VIRTIO_F_RING_RESET'],
    async run(bench) {
      const driver = await bench.start();
      const transport = modernOf(driver);
      const { index } = driver.receivers[0].queue;
      const before = await ofQueues(transport, 'queueEnable');
      await resetQueue(bench, transport, index);
      const enabled = await ofQueues(transport, 'queueEnable');
      const [register] = (await ofQueues(transport, 'queueReset')).slice(index);
      const expected = before.map((value, queue) => (queue === index ? 0 : value));
      const seen = `queue ${index}: queue_reset ${register}; queue_enable ${before.join()}, then ${enabled.join()}`;
      return claim(before[index] === 1 && register === 0 && enabled.join() === expected.join(), seen);
    },
  },
  {
    id: 'queue-size-unavailable',
    statements: ['pci-dev-022'],
    section,
    expects: 'queue_size is 0 when a queue is selected that there is not',
    async run(bench) {
      const transport = await bench.modern();
      await negotiate(transport, choice({}));
      const sizes = await ofQueues(transport, 'queueSize');
      const seen: string[] = [];
      for (const index of [sizes.length, sizes.length + 1, 2 * sizes.length, 0xffff]) {
        const size = await transport.queueSize(index);
        // A device may refuse the selection, and then shows the queue that was selected before.
        const selected = (await transport.get('queueSelect')) === index;
        if (!selected && index !== sizes.length) continue;
        seen.push(claim(selected && size === 0, `queue ${index} of ${sizes.length}: queue_size ${size}`));
      }
      return seen.join('; ');
    },
  },
  {
    id: 'queue-size-without-multiqueue',
    statements: ['pci-dev-022'],
    section,
    expects: 'queue_size is 0 of all but three queues for a driver that did not accept multiqueue (5.1.2)',
    needs: ['VIRTIO_NET_F_MQ'],
    async run(bench) {
      const transport = await bench.modern();
      await negotiate(transport, choice({}));
      const most = await ofQueues(transport, 'queueSize');
      const existing = countOf(most);
      if (existing <= pairAndControl) throw new Skipped('the card has one pair of queues');
      await negotiate(transport, choice({ except: ['VIRTIO_NET_F_MQ', 'VIRTIO_NET_F_RSS'] }));
      const sizes: number[] = [];
      for (const index of most.keys()) sizes.push(await transport.queueSize(index));
      const seen = `with multiqueue: ${most.join(', ')}; without: ${sizes.join(', ')}`;
      return claim(countOf(sizes) === pairAndControl && countOf(sizes.slice(pairAndControl)) === 0, seen);
    },
  },
  {
    id: 'queue-size-without-control-queue',
    statements: ['pci-dev-022'],
    section,
    expects: 'queue_size is 0 of the control queue for a driver that did not accept VIRTIO_NET_F_CTRL_VQ (5.1.2)',
    card: { pairs: 1 },
    needs: ['VIRTIO_NET_F_CTRL_VQ'],
    async run(bench) {
      const transport = await bench.modern();
      const sizes: number[] = [];
      for (const except of [[], ['VIRTIO_NET_F_CTRL_VQ']] as const) {
        await negotiate(transport, choice({ except }));
        sizes.push(await transport.queueSize(pairAndControl - 1));
      }
      const seen = `queue_size of queue 2 with a control queue ${sizes[0]}, without ${sizes[1]}`;
      return claim(sizes[0] > 0 && sizes[1] === 0, seen);
    },
  },
  {
    id: 'queue-size-power-of-two',
    statements: ['pci-dev-023'],
    section,
    expects: 'without VIRTIO_F_RING_PACKED, queue_size is 0 or a power of 2, of every queue',
    async run(bench) {
      const transport = await bench.modern();
      await negotiate(transport, choice({}));
      const sizes = await ofQueues(transport, 'queueSize');
      const sound = sizes.every((size) => (size & (size - 1)) === 0);
      return claim(sizes.length > 0 && sound, `queue_size ${sizes.join(', ')}`);
    },
  },
  {
    id: 'queue-size-power-of-two-always',
    statements: ['pci-dev-023'],
    section,
    expects:
      'without VIRTIO_F_RING_PACKED, queue_size is 0 or a power of 2 even if a driver has written another number',
    async run(bench) {
      const transport = await bench.modern();
      await negotiate(transport, choice({}));
      const seen: string[] = [];
      for (const size of oddSizes) {
        await transport.set('queueSelect', 0);
        await transport.set('queueSize', size);
        const held = await transport.get('queueSize');
        seen.push(claim((held & (held - 1)) === 0, `${size} written, queue_size ${held}`));
      }
      return seen.join('; ');
    },
  },
];
