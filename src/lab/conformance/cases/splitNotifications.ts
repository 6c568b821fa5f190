import type { NetDriver, Queue } from '../../../driver/index.js';
import type { Bench, StartOptions } from '../bench.js';
import { claim, type Case } from '../case.js';
import { exchange, incoming, outgoing, sameFrames, sentFrames } from '../exchange.js';
import { interrupted, interruptedMeanwhile, splitOf, usedIndexAfter } from '../rings.js';

const card = { pairs: 1 };
const eventIndex = ['VIRTIO_F_EVENT_IDX'] as const;
const withoutEvents: StartOptions = { except: eventIndex };

/** A queue, and how the device comes to use one of its buffers. */
interface Side {
  readonly name: 'transmit' | 'receive';
  queueOf(driver: NetDriver): Queue;
  use(bench: Bench, driver: NetDriver, count: number): Promise<void>;
}

const sides: readonly Side[] = [
  {
    name: 'transmit',
    queueOf: ({ transmitters: [{ queue }] }) => queue,
    use: (_, driver, count) => driver.send(0, outgoing(driver, count, 60)),
  },
  {
    name: 'receive',
    queueOf: ({ receivers: [{ queue }] }) => queue,
    use: (bench, driver, count) => bench.wire.send(...incoming(driver, count, 60)),
  },
];

/** Has the device use buffers. Those received into are not collected; a ring of 16 has enough of them for a case. */
async function use(bench: Bench, driver: NetDriver, side: Side, count = 1): Promise<void> {
  const ring = splitOf(side.queueOf(driver));
  const before = await ring.readUsedIndex();
  await side.use(bench, driver, count);
  await usedIndexAfter(bench, ring, before, count);
  if (side.name === 'transmit') await driver.transmitters[0].reclaim();
}

/** What the driver writes of the used buffers that it wants to be told of; `usedEvent` counts from the next one. */
async function ask(driver: NetDriver, queue: Queue, flags: number, usedEvent: number): Promise<void> {
  const ring = splitOf(queue);
  const { memory } = driver.transport;
  await memory.write16(ring.driverArea, flags);
  await memory.write16(ring.driverArea + 4 + 2 * ring.size, ((await ring.readUsedIndex()) + usedEvent) & 0xffff);
  await driver.interrupts();
}

/** Starts a driver of which the queue has interrupted once. */
async function started(bench: Bench, side: Side, options: StartOptions = {}): Promise<[NetDriver, Queue]> {
  const driver = await bench.start(options);
  const queue = side.queueOf(driver);
  await ask(driver, queue, 0, 0);
  await use(bench, driver, side);
  claim(await interrupted(bench, driver, queue), 'no interrupt for the first buffer, though it was asked for');
  return [driver, queue];
}

/** Places of `used_event` that would ask for no interrupt, if it had a meaning; the last one would. */
const meaningless = [0x8000, -1, 1, 5, -5, 0];

/** Used buffer notification suppression (virtio 2.7.7). */
export const usedNotificationCases: readonly Case[] = sides.flatMap((side): Case[] => [
  {
    id: `used-notification-flags-0-${side.name}`,
    statements: ['split-dev-006', 'split-dev-008'],
    section: '2.7.7.2',
    expects: 'without VIRTIO_F_EVENT_IDX and with flags 0 every used buffer is told of, whatever used_event is',
    card,
    async run(bench) {
      const [driver, queue] = await started(bench, side, withoutEvents);
      for (const usedEvent of meaningless) {
        await ask(driver, queue, 0, usedEvent);
        await use(bench, driver, side);
        const told = await interrupted(bench, driver, queue);
        claim(told, `no interrupt with flags 0 and used_event ${usedEvent} from the next entry`);
      }
      return `${meaningless.length} interrupts for ${meaningless.length} buffers, each with another used_event`;
    },
  },
  {
    id: `used-notification-flags-1-${side.name}`,
    statements: ['split-dev-006', 'split-dev-007'],
    section: '2.7.7.2',
    expects: 'without VIRTIO_F_EVENT_IDX and with flags 1 no used buffer is told of, whatever used_event is',
    card,
    async run(bench) {
      const [driver, queue] = await started(bench, side, withoutEvents);
      for (const usedEvent of meaningless) {
        await ask(driver, queue, 1, usedEvent);
        await use(bench, driver, side);
        const told = await interruptedMeanwhile(bench, driver, queue);
        claim(!told, `interrupt with flags 1 and used_event ${usedEvent} from the next entry`);
      }
      await ask(driver, queue, 0, 0);
      await use(bench, driver, side);
      const again = await interrupted(bench, driver, queue);
      return claim(
        again,
        `no interrupt for ${meaningless.length} buffers, ${again ? 'one' : 'none'} with flags 0 again`,
      );
    },
  },
  {
    id: `used-event-reached-${side.name}`,
    statements: ['split-dev-009', 'split-dev-010', 'split-dev-011'],
    section: '2.7.7.2',
    expects: 'with VIRTIO_F_EVENT_IDX just the entry that used_event names is told of, whatever flags are',
    card,
    needs: eventIndex,
    async run(bench) {
      const [driver, queue] = await started(bench, side);
      const seen: string[] = [];
      for (const [flags, distance] of [
        [0, 0],
        [1, 0],
        [0, 2],
        [1, 3],
      ] as const) {
        await ask(driver, queue, flags, distance);
        for (let entry = 0; entry < distance; entry++) {
          await use(bench, driver, side);
          const told = await interruptedMeanwhile(bench, driver, queue);
          claim(!told, `flags ${flags}: interrupt ${distance - entry} entries before the one that used_event names`);
        }
        await use(bench, driver, side);
        const told = await interrupted(bench, driver, queue);
        claim(told, `flags ${flags}: no interrupt for the entry that used_event names, ${distance} behind the next`);
        seen.push(`${distance}`);
      }
      await use(bench, driver, side);
      const after = await interruptedMeanwhile(bench, driver, queue);
      return claim(
        !after,
        `interrupts for the entries ${seen.join(', ')} behind the next, none before them and ${after ? 'one' : 'none'} afterwards`,
      );
    },
  },
  {
    id: `used-event-passed-${side.name}`,
    statements: ['split-dev-010'],
    section: '2.7.7.2',
    expects: 'with VIRTIO_F_EVENT_IDX an entry that is one of several used at once is told of',
    card,
    needs: eventIndex,
    async run(bench) {
      const [driver, queue] = await started(bench, side);
      for (const distance of [0, 2, 4]) {
        await ask(driver, queue, 0, distance);
        await use(bench, driver, side, 5);
        const told = await interrupted(bench, driver, queue);
        claim(told, `5 buffers at once, used_event ${distance} behind the next entry: no interrupt`);
        if (side.name === 'receive') await driver.receive();
      }
      return 'an interrupt for 5 buffers at once with used_event at the first, third and last of them';
    },
  },
]);

/** Available buffer notification suppression (virtio 2.7.10). */
export const availableNotificationCases: readonly Case[] = [
  {
    id: 'used-flags-without-event-index',
    statements: ['split-dev-014'],
    section: '2.7.10.2',
    expects: 'without VIRTIO_F_EVENT_IDX the flags of every used ring are 0 or 1 at all times',
    card,
    run: (bench) => watchFlags(bench, withoutEvents, [0, 1]),
  },
  {
    id: 'used-flags-with-event-index',
    statements: ['split-dev-015'],
    section: '2.7.10.2',
    expects: 'with VIRTIO_F_EVENT_IDX the flags of every used ring are 0 at all times',
    card,
    needs: eventIndex,
    run: (bench) => watchFlags(bench, {}, [0]),
  },
  ...[false, true].map((events): Case => ({
    id: `spurious-notifications-${events ? 'with' : 'without'}-event-index`,
    statements: ['split-dev-016'],
    section: '2.7.10.2',
    expects: 'notifications that tell of nothing new do no harm',
    card,
    ...(events && { needs: eventIndex }),
    async run(bench) {
      const driver = await bench.start(events ? {} : withoutEvents);
      const before = await driver.transport.readStatus();
      let count = 0;
      for (let round = 0; round < 3; round++) {
        for (const queue of driver.queues) {
          await queue.notify();
          count++;
        }
        await exchange(bench, driver);
      }
      const { queue } = driver.transmitters[0];
      const frames = outgoing(driver, 3);
      for (const frame of frames) {
        await driver.send(0, [frame]);
        await queue.notify();
        await queue.notify();
        count += 2;
      }
      await bench.quiet();
      const sent = await sentFrames(bench, frames.length);
      claim(sameFrames(sent, frames), `${frames.length} packets were sent as ${sent.length}, or as others`);
      const used = await driver.sent(0);
      const now = await driver.transport.readStatus();
      return claim(
        used === frames.length && now === before,
        `${count} notifications too many: packets went both ways, ${used} of ${frames.length} buffers used, device status ${now}`,
      );
    },
  })),
];

/** Looks at the flags of all used rings again and again while the card works. */
async function watchFlags(bench: Bench, options: StartOptions, allowed: readonly number[]): Promise<string> {
  const driver = await bench.start(options);
  const seen = new Set<number>();
  let looks = 0;
  const look = async (): Promise<void> => {
    for (const queue of driver.queues) {
      seen.add(await driver.transport.memory.read16(splitOf(queue).deviceArea));
      looks++;
    }
  };
  for (const count of [1, 4, 7]) {
    await look();
    await driver.send(0, outgoing(driver, count));
    await look();
    await sentFrames(bench, count);
    await driver.sent(0);
    await bench.wire.send(...incoming(driver, count));
    await look();
    await driver.packets(count);
    await look();
    await exchange(bench, driver);
  }
  return claim(
    [...seen].every((flags) => allowed.includes(flags)),
    `flags ${[...seen].join(', ')} in ${looks} looks`,
  );
}
