import { commands, TimeoutError, until, type NetDriver, type ReceiveQueue } from '../../../driver/index.js';
import type { Bench } from '../bench.js';
import { claim, Skipped, type Case } from '../case.js';
import { packet, pattern } from '../packets.js';
import { enableReceiver, receiveFrom, takeBack } from '../queues.js';
import { macOf, peer, same } from '../reception.js';

/** So many that with any sensible spread no pair is left without one. */
const manyFlows = 32;

/** A packet's payload that makes a frame which needs no padding. */
const payload = pattern(40);

/** The port of the other station by which flows differ. */
const firstPort = 40000;
const cardPort = 50002;

/** The packet of a flow that is for the card, and the card's own one. */
function inFlow(driver: NetDriver, flow: number): Uint8Array {
  return packet({ to: macOf(driver), from: peer, payload, ports: [firstPort + flow, cardPort] }).bytes;
}

/** Packets of many flows: answers the pair on which each came. @throws TimeoutError when they do not all come */
async function pairsOfFlows(bench: Bench, driver: NetDriver): Promise<number[]> {
  const frames = Array.from({ length: manyFlows }, (_, flow) => inFlow(driver, flow));
  const pairs = new Array<number | undefined>(manyFlows).fill(undefined);
  for (const [flow, frame] of frames.entries()) {
    await bench.wire.send(frame);
    // One by one, so that no queue runs out of buffers.
    await until(bench.machine, `packet of flow ${flow}`, async () => {
      for (const packet of await driver.receive()) {
        const at = frames.findIndex((each) => same(each, packet.frame));
        if (at >= 0) pairs[at] = packet.pair;
      }
      return pairs[flow];
    });
  }
  return pairs.map((pair) => pair!);
}

/** How many flows came on each pair, as text. */
function spread(pairs: readonly number[], of: number): string {
  return Array.from({ length: of }, (_, pair) => pairs.filter((each) => each === pair).length).join('/');
}

/** All pairs that there are. @throws Skipped when that is one */
function pairsOf(driver: NetDriver): number {
  const { length } = driver.receivers;
  if (length < 2) throw new Skipped('the card has one queue pair');
  return length;
}

/** The frames among these that come on these queues, until `enough` says so or the patience of the machine ends. */
async function coming(
  bench: Bench,
  receivers: readonly ReceiveQueue[],
  frames: readonly Uint8Array[],
  enough: (flows: readonly number[]) => boolean,
): Promise<{ flow: number; pair: number }[]> {
  const seen: { flow: number; pair: number }[] = [];
  const look = async (): Promise<true | undefined> => {
    for (const { frame, pair } of await receiveFrom(receivers)) {
      const flow = frames.findIndex((each) => same(each, frame));
      if (flow >= 0) seen.push({ flow, pair });
    }
    return enough(seen.map(({ flow }) => flow)) ? true : undefined;
  };
  await until(bench.machine, 'packets', look).catch((error: unknown) => {
    if (!(error instanceof TimeoutError)) throw error;
  });
  await bench.quiet();
  await look();
  return seen;
}

/** Automatic receive steering (virtio 5.1.6.5.6). */
export const steeringCases: readonly Case[] = [
  {
    id: 'steering-first-queue-after-reset',
    statements: ['net-dev-079'],
    section: '5.1.6.5.6.2',
    expects: 'until the driver takes more pairs into use, and after a reset again, packets come on the first queue',
    needs: ['VIRTIO_NET_F_MQ'],
    async run(bench) {
      const first = await bench.start({ use: 1 });
      const count = pairsOf(first);
      const before = await pairsOfFlows(bench, first);
      await first.command(commands.setQueuePairs(count));
      const between = await pairsOfFlows(bench, first);
      if (Math.max(...between) === 0) throw new Skipped('no packet comes on another queue with all pairs in use');
      await first.stop();
      const second = await bench.start({ use: 1 });
      const after = await pairsOfFlows(bench, second);
      const seen = [before, between, after].map((pairs) => spread(pairs, count));
      return claim(
        Math.max(...before, ...after) === 0,
        `flows by pair: ${seen[0]} at first, ${seen[1]} with all pairs in use, ${seen[2]} after a reset`,
      );
    },
  },
  {
    id: 'steering-within-pairs-in-use',
    statements: ['net-dev-080'],
    section: '5.1.6.5.6.2',
    expects: 'once the command is used, packets come on the pairs that it takes into use only',
    needs: ['VIRTIO_NET_F_MQ'],
    async run(bench) {
      const driver = await bench.start();
      const count = pairsOf(driver);
      // The card may learn from what is sent: to a pair that goes out of use packets must not come all the same.
      for (let flow = 0; flow < manyFlows; flow++) {
        const ports = [cardPort, firstPort + flow] as const;
        await driver.send(count - 1, [packet({ to: peer, from: macOf(driver), payload, ports }).bytes]);
        await driver.sent(count - 1);
      }
      await bench.fromCard(manyFlows);
      const seen: string[] = [];
      let holds = true;
      for (const use of [count, count - 1, 1, count, 1]) {
        await driver.command(commands.setQueuePairs(use));
        const pairs = await pairsOfFlows(bench, driver);
        if (seen.length === 0 && Math.max(...pairs) === 0) throw new Skipped('packets come on the first queue only');
        holds &&= Math.max(...pairs) < use;
        seen.push(`${use}: ${spread(pairs, count)}`);
      }
      return claim(holds, `flows by pair, by the pairs in use: ${seen.join(', ')}`);
    },
  },
  {
    id: 'steering-around-reset-queue',
    statements: ['net-dev-081'],
    section: '5.1.6.5.6.2',
    // A device may have reset the queue at once; then there is no other time than that until it is enabled again.
    expects: 'a packet for a queue that is reset comes on another',
    needs: ['VIRTIO_NET_F_MQ', 'VIRTIO_F_RING_RESET'],
    async run(bench) {
      const driver = await bench.start();
      pairsOf(driver);
      const pairs = await pairsOfFlows(bench, driver);
      const away = Math.max(...pairs);
      await takeBack(bench, driver, 2 * away);
      const flows = pairs.flatMap((pair, flow) => (pair === away ? [flow] : [])).slice(0, 4);
      const frames = flows.map((flow) => inFlow(driver, flow));
      await bench.wire.send(...frames);
      const others = driver.receivers.filter(({ pair }) => pair !== away);
      const came = await coming(bench, others, frames, ({ length }) => length >= frames.length);
      const on = came.length > 0 ? ` on ${came.map(({ pair }) => pair).join(', ')}` : '';
      return claim(
        came.length === frames.length,
        `of ${frames.length} packets for pair ${away}, whose receive queue was reset, ${came.length} came${on}`,
      );
    },
  },
  {
    id: 'steering-all-queues-reset',
    statements: ['net-dev-082'],
    section: '5.1.6.5.6.2',
    expects: 'packets that come while all receive queues are reset are dropped',
    needs: ['VIRTIO_NET_F_MQ', 'VIRTIO_F_RING_RESET'],
    async run(bench) {
      const driver = await bench.start();
      await pairsOfFlows(bench, driver);
      const count = driver.receivers.length;
      for (let pair = 0; pair < count; pair++) await takeBack(bench, driver, 2 * pair);
      const frames = Array.from({ length: manyFlows }, (_, flow) => inFlow(driver, flow));
      const [lost, kept] = [frames.slice(0, manyFlows / 2), frames.slice(manyFlows / 2)];
      await bench.wire.send(...lost);
      await bench.quiet();
      const receivers: ReceiveQueue[] = [];
      for (let pair = 0; pair < count; pair++) receivers.push(await enableReceiver(driver, pair));
      await bench.wire.send(...kept);
      const isKept = (flow: number): boolean => flow >= lost.length;
      const came = await coming(bench, receivers, frames, (flows) => flows.filter(isKept).length >= kept.length);
      const late = came.filter(({ flow }) => flow < lost.length).length;
      const seen = `of ${lost.length} packets sent while all queues were reset ${late} came, of ${kept.length} after it`;
      return claim(late === 0 && came.length === kept.length, `${seen} ${came.length - late}`);
    },
  },
];
