import { commands, setUpQueue, until, type NetDriver, type Queue } from '../../../driver/index.js';
import type { Coalescing, Command } from '../../../driver/net/commands.js';
import type { Bench } from '../bench.js';
import { claim, Skipped, type Case } from '../case.js';
import { takeBack } from '../queues.js';
import { frameTo, macOf, peer } from '../reception.js';

const section = '5.1.6.5.9';
const { ok, error } = commands.ack;
const { setTransmitCoalescing, setReceiveCoalescing, setQueueCoalescing, getQueueCoalescing } = commands;

const a: Coalescing = { maxPackets: 11, maxMicroseconds: 1100 };
const b: Coalescing = { maxPackets: 22, maxMicroseconds: 2200 };
const c: Coalescing = { maxPackets: 33, maxMicroseconds: 3300 };
const zero: Coalescing = { maxPackets: 0, maxMicroseconds: 0 };

const text = ({ maxPackets, maxMicroseconds }: Coalescing): string => `${maxPackets}/${maxMicroseconds}`;
const equal = (one: Coalescing, other: Coalescing): boolean => text(one) === text(other);

/** What the card says is set for a queue. */
async function settings(driver: NetDriver, queue: number): Promise<Coalescing> {
  return commands.decodeCoalescing((await driver.command(getQueueCoalescing(queue))).result);
}

/** The reserved field of a command for a queue, which stands behind the queue's index, not zero. */
function withReserved(command: Command): Command {
  const data = command.data.slice();
  data.fill(0xff, 2, 4);
  return { ...command, data };
}

/** The receive queue and the transmit queue of the first pair, and the command for all of their kind. */
const directions = [
  { name: 'receive', queue: 0, set: setReceiveCoalescing, setOther: setTransmitCoalescing, statement: 'net-dev-092' },
  { name: 'transmit', queue: 1, set: setTransmitCoalescing, setOther: setReceiveCoalescing, statement: 'net-dev-091' },
] as const;

/** Values at the edges: whatever a card can't do among them it has to refuse. */
const extremes: readonly Coalescing[] = [
  { maxPackets: 0xffffffff, maxMicroseconds: 0xffffffff },
  { maxPackets: 1, maxMicroseconds: 0xffffffff },
  { maxPackets: 0xffffffff, maxMicroseconds: 1 },
];

/** Sends commands that can't be carried out, or perhaps not, and looks whether the answer is the truth. */
async function answersAreTrue(
  driver: NetDriver,
  make: (to: Coalescing) => Command,
  queue: number,
): Promise<{ holds: boolean; seen: string }> {
  let holds = true;
  let before = await settings(driver, queue);
  const seen: string[] = [];
  for (const to of [a, ...extremes]) {
    const { ack } = await driver.control!.send(make(to));
    const now = await settings(driver, queue);
    holds &&= ack === ok ? equal(now, to) : ack === error && equal(now, before);
    seen.push(`${text(to)} answered ${ack}, now ${text(now)}`);
    before = now;
  }
  const whole = make(c);
  const { ack } = await driver.control!.send({ ...whole, data: whole.data.slice(0, -4) });
  const now = await settings(driver, queue);
  seen.push(`a command cut short answered ${ack}, now ${text(now)}`);
  return { holds: holds && ack === error && equal(now, before), seen: seen.join('; ') };
}

function reenabledCase({ name, queue, set, setOther, statement }: (typeof directions)[number]): Case {
  return {
    id: `coalescing-of-re-enabled-${name}-queue`,
    statements: [statement],
    section,
    expects: `a ${name} queue that is enabled again has what was set for all of its kind, or 0 where nothing was`,
    needs: ['VIRTIO_NET_F_NOTF_COAL', 'VIRTIO_NET_F_VQ_NOTF_COAL', 'VIRTIO_F_RING_RESET'],
    async run(bench) {
      const driver = await bench.start({ pairs: 1 });
      const again = async (): Promise<Coalescing> => {
        await driver.command(setQueueCoalescing(queue, b));
        await takeBack(bench, driver, queue);
        await setUpQueue(driver.transport, driver.features, queue, { size: 16 });
        return settings(driver, queue);
      };
      await driver.command(setOther(c));
      const unset = await again();
      await driver.command(set(a));
      const afterSet = await again();
      const seen = `${text(unset)} with nothing set for all, ${text(afterSet)} with ${text(a)} set for all`;
      return claim(equal(unset, zero) && equal(afterSet, a), `enabled again: ${seen}`);
    },
  };
}

/** Makes the card use a buffer of the queue for one packet. */
async function onePacket(bench: Bench, driver: NetDriver, queue: Queue): Promise<void> {
  if (queue.index === 1) {
    await driver.send(0, [frameTo(peer)]);
    await driver.sent(0);
  } else {
    await bench.wire.send(frameTo(macOf(driver)));
    await until(bench.machine, 'packet', async () =>
      (await driver.receivers[0].receive()).length > 0 ? true : undefined,
    );
  }
}

/** Whether the queue interrupts when the card has used so many buffers, and then when this time has passed. */
async function interruptsAfter(
  bench: Bench,
  driver: NetDriver,
  queue: Queue,
  { packets, milliseconds }: { packets: number; milliseconds: number },
): Promise<boolean> {
  await driver.interrupts();
  for (let sent = 0; sent < packets; sent++) await onePacket(bench, driver, queue);
  await driver.receivers[0].fill();
  await bench.machine.advance(milliseconds);
  await bench.quiet();
  return (await driver.interrupts()).queues.some(({ index }) => index === queue.index);
}

/** Long enough that nothing but packets can end it. */
const long = 60_000_000;

/** Ways to meet the conditions for a notification. */
const conditions = [
  { name: 'packets', set: { maxPackets: 3, maxMicroseconds: long }, packets: 3, milliseconds: 0 },
  { name: 'time', set: { maxPackets: 100, maxMicroseconds: 1000 }, packets: 1, milliseconds: 20 },
] as const;

/** Notification coalescing (virtio 5.1.6.5.9). */
export const coalescingCases: readonly Case[] = [
  {
    id: 'coalescing-ignores-reserved',
    statements: ['net-dev-087'],
    section,
    expects: 'the reserved field of the commands for one queue makes no difference',
    needs: ['VIRTIO_NET_F_VQ_NOTF_COAL'],
    async run(bench) {
      const driver = await bench.start({ pairs: 1 });
      const set = await driver.control!.send(withReserved(setQueueCoalescing(1, a)));
      const plain = await settings(driver, 1);
      const got = await driver.control!.send(withReserved(getQueueCoalescing(1)));
      const read = commands.decodeCoalescing(got.result);
      const seen = `set answered ${set.ack}, get ${got.ack}: ${text(read)} read, ${text(plain)} without the field`;
      return claim(set.ack === ok && got.ack === ok && equal(plain, a) && equal(read, a), seen);
    },
  },
  {
    id: 'coalescing-answers-are-true',
    statements: ['net-dev-088'],
    section,
    expects: 'a command for all receive or transmit queues is answered with VIRTIO_NET_ERR where it changes nothing',
    needs: ['VIRTIO_NET_F_NOTF_COAL', 'VIRTIO_NET_F_VQ_NOTF_COAL'],
    async run(bench) {
      const driver = await bench.start({ pairs: 1 });
      const results = [];
      for (const { set, queue } of directions) results.push(await answersAreTrue(driver, set, queue));
      return claim(
        results.every(({ holds }) => holds),
        results.map(({ seen }, at) => `${directions[at].name}: ${seen}`).join('; '),
      );
    },
  },
  {
    id: 'coalescing-queue-answers-are-true',
    statements: ['net-dev-089'],
    section,
    expects: 'a command for one queue is answered with VIRTIO_NET_ERR where it changes nothing',
    needs: ['VIRTIO_NET_F_VQ_NOTF_COAL'],
    async run(bench) {
      const driver = await bench.start({ pairs: 1 });
      const { holds, seen } = await answersAreTrue(driver, (to) => setQueueCoalescing(1, to), 1);
      return claim(holds, seen);
    },
  },
  {
    id: 'coalescing-of-no-enabled-queue',
    statements: ['net-dev-090'],
    section,
    expects: 'the commands for one queue are refused for what is no enabled receive or transmit queue',
    needs: ['VIRTIO_NET_F_VQ_NOTF_COAL'],
    async run(bench) {
      const driver = await bench.start({ pairs: 1 });
      const { index } = driver.control!.queue;
      const queues: [string, number][] = [['the control queue', index]];
      queues.push(['no queue', index + 1], ['no queue', 0xffff]);
      if (index > 2)
        queues.push(['a receive queue that is not enabled', 2], ['a transmit queue that is not enabled', 3]);
      if (driver.has('VIRTIO_F_RING_RESET')) {
        await takeBack(bench, driver, 1);
        queues.push(['a queue that was reset', 1]);
      }
      const wrong: string[] = [];
      const look = async (name: string, queue: number, wanted: number): Promise<void> => {
        const set = await driver.control!.send(setQueueCoalescing(queue, a));
        const get = await driver.control!.send(getQueueCoalescing(queue));
        if (set.ack !== wanted || get.ack !== wanted) {
          wrong.push(`${name} (${queue}): set answered ${set.ack}, get ${get.ack}`);
        }
      };
      await look('an enabled queue', 0, ok);
      for (const [name, queue] of queues) await look(name, queue, error);
      const names = queues.map(([name, queue]) => `${name} (${queue})`).join(', ');
      return claim(wrong.length === 0, wrong.join('; ') || `VIRTIO_NET_ERR for ${names}`);
    },
  },
  ...[directions[1], directions[0]].map(reenabledCase),
  {
    id: 'coalescing-suppressed',
    statements: ['net-dev-093'],
    section,
    expects: 'no interrupt comes while the driver suppresses them, though the conditions are met',
    needs: ['VIRTIO_NET_F_NOTF_COAL'],
    async run(bench) {
      const driver = await bench.start({ pairs: 1, except: ['VIRTIO_F_EVENT_IDX'] });
      const seen: string[] = [];
      let holds = true;
      for (const { name, queue: index, set } of directions) {
        const queue = driver.queues[index];
        for (const condition of conditions) {
          await driver.command(set(condition.set));
          await queue.ring.wantInterrupts('always');
          if (!(await interruptsAfter(bench, driver, queue, condition))) {
            throw new Skipped(`no interrupt of the ${name} queue by ${condition.name} when it is wanted either`);
          }
          await queue.ring.wantInterrupts('never');
          const came = await interruptsAfter(bench, driver, queue, condition);
          holds &&= !came;
          seen.push(`${name} by ${condition.name}: ${came ? 'one' : 'none'}`);
          await queue.ring.wantInterrupts('always');
        }
      }
      return claim(holds, `interrupts while suppressed: ${seen.join(', ')}; one each when wanted`);
    },
  },
  {
    id: 'coalescing-zero-after-reset',
    statements: ['net-dev-094'],
    section,
    expects: 'after a reset nothing is coalesced on any queue',
    needs: ['VIRTIO_NET_F_NOTF_COAL', 'VIRTIO_NET_F_VQ_NOTF_COAL'],
    async run(bench) {
      const first = await bench.start();
      const queues = first.queues.map(({ index }) => index).filter((index) => index !== first.control!.queue.index);
      await first.command(setReceiveCoalescing(a));
      await first.command(setTransmitCoalescing(b));
      await first.command(setQueueCoalescing(0, c));
      const before = [];
      for (const queue of queues) before.push(await settings(first, queue));
      await first.stop();
      const second = await bench.start();
      const after = [];
      for (const queue of queues) after.push(await settings(second, queue));
      const seen = `was ${before.map(text).join(' ')}; after a reset ${after.map(text).join(' ')}`;
      return claim(!before.some((each) => equal(each, zero)) && after.every((each) => equal(each, zero)), seen);
    },
  },
];
