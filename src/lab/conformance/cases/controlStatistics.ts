import { commands, type FeatureName } from '../../../driver/index.js';
import type { Bench } from '../bench.js';
import { claim, Skipped, type Case } from '../case.js';
import { same } from '../reception.js';

const section = '5.1.6.5.11';
const { statisticsType: type, statisticsCounters } = commands;

/** What of which queue is asked for. */
interface Request {
  readonly queue: number;
  readonly types: readonly number[];
}

const headerBytes = 8;

/** How long a reply of a type is, by its structure. */
const replyBytes = (of: number): number => headerBytes + 8 * statisticsCounters[of].length;

const typeNames = new Map<number, string>(Object.entries(type).map(([name, of]) => [of, name]));

/** A driver with a pair of data queues, a control queue, and the types that the card says it has. */
async function asking(bench: Bench, except: readonly FeatureName[] = []) {
  const driver = await bench.start({ pairs: 1, except });
  const { result, written } = await driver.command(commands.queryStatistics());
  const mask = new DataView(result.buffer).getBigUint64(0, true);
  const has = (of: number): boolean => ((mask >> BigInt(of)) & 1n) === 1n;
  const control = driver.control!.queue.index;
  const get = (...requests: readonly Request[]) => driver.control!.send(commands.getStatistics(requests));
  return { driver, mask, written, has, control, get };
}

/** The queue of the first pair that has a type, or the control queue. */
function queueOf(of: number, control: number): number {
  return of === type.controlQueue ? control : of < type.txBasic ? 0 : 1;
}

/** Features without which a type is not there, of which one is enough. */
const featuresOfTypes: readonly { of: number; queue: number; features: readonly FeatureName[] }[] = [
  { of: type.rxChecksum, queue: 0, features: ['VIRTIO_NET_F_GUEST_CSUM'] },
  { of: type.txChecksum, queue: 1, features: ['VIRTIO_NET_F_CSUM'] },
  { of: type.rxGso, queue: 0, features: ['VIRTIO_NET_F_GUEST_TSO4', 'VIRTIO_NET_F_GUEST_TSO6'] },
  {
    of: type.txGso,
    queue: 1,
    features: ['VIRTIO_NET_F_HOST_TSO4', 'VIRTIO_NET_F_HOST_TSO6', 'VIRTIO_NET_F_HOST_USO'],
  },
];

/** Requests with an error, by what it is. */
function errors(control: number): readonly (readonly [string, Request])[] {
  return [
    ['a queue behind the last', { queue: control + 1, types: [type.rxBasic] }],
    ['queue 65535', { queue: 0xffff, types: [type.txBasic] }],
    ['an unknown type for receive queues', { queue: 0, types: [15] }],
    ['an unknown type', { queue: 1, types: [63] }],
    ['a known and an unknown type', { queue: 1, types: [type.txBasic, 40] }],
    ['a transmit type of a receive queue', { queue: 0, types: [type.txBasic] }],
    ['a receive type of a transmit queue', { queue: 1, types: [type.rxBasic] }],
    ['the control type of a receive queue', { queue: 0, types: [type.controlQueue] }],
    ['a receive type of the control queue', { queue: control, types: [type.rxBasic] }],
  ];
}

/** A request that every card can fulfil. */
const good: Request = { queue: 0, types: [type.rxBasic] };

/** Answers the requests of which the answer was another, in words. */
async function wronglyAnswered(
  ask: (...requests: readonly Request[]) => Promise<{ ack: number }>,
  all: readonly (readonly [name: string, requests: readonly Request[]])[],
  wanted: number,
): Promise<string[]> {
  const wrong: string[] = [];
  for (const [name, requests] of all) {
    const { ack } = await ask(...requests);
    if (ack !== wanted) wrong.push(`${name}: answered ${ack}`);
  }
  return wrong;
}

/** Device statistics (virtio 1.4, 5.1.6.5.11). */
export const statisticsCases: readonly Case[] = [
  {
    id: 'statistics-query',
    statements: ['net-dev-095'],
    section,
    expects: 'the query is answered with 64 bits, which have those types that can be got, and no others',
    needs: ['VIRTIO_NET_F_DEVICE_STATS'],
    async run(bench) {
      const { mask, written, has, control, get } = await asking(bench);
      const wrong: string[] = [];
      for (const [of, name] of typeNames) {
        const { ack } = await get({ queue: queueOf(of, control), types: [of] });
        const got = ack === commands.ack.ok;
        if (got !== has(of)) wrong.push(`${name} is ${has(of) ? '' : 'not '}there, and answered ${ack}`);
      }
      const basic = has(type.rxBasic) && has(type.txBasic);
      const seen = `types 0x${mask.toString(16)} in ${written} bytes with the ack`;
      return claim(
        written === 9 && basic && wrong.length === 0,
        wrong.length > 0 ? `${seen}; ${wrong.join('; ')}` : seen,
      );
    },
  },
  {
    id: 'statistics-wrong-request',
    statements: ['net-dev-096'],
    section,
    expects: 'a request for what there is not is answered with VIRTIO_NET_ERR',
    needs: ['VIRTIO_NET_F_DEVICE_STATS'],
    async run(bench) {
      const { control, get } = await asking(bench);
      const requests = errors(control).map(([name, request]) => [name, [request]] as const);
      const wrong = [
        ...(await wronglyAnswered(get, [['a right request', [good]]], commands.ack.ok)),
        ...(await wronglyAnswered(get, requests, commands.ack.error)),
      ];
      return claim(wrong.length === 0, wrong.join('; ') || `${requests.length} kinds of wrong requests refused`);
    },
  },
  {
    id: 'statistics-of-unnegotiated-feature',
    statements: ['net-dev-096'],
    section,
    expects: 'a request for a type whose feature was not negotiated is answered with VIRTIO_NET_ERR',
    needs: ['VIRTIO_NET_F_DEVICE_STATS'],
    async run(bench) {
      const seen: string[] = [];
      let holds = true;
      for (const { of, queue, features } of featuresOfTypes) {
        const whole = await asking(bench);
        if (!features.some((name) => whole.driver.has(name))) continue;
        const request = { queue, types: [of] };
        const before = (await whole.get(request)).ack;
        await whole.driver.stop();
        const without = await asking(bench, features);
        const after = (await without.get(request)).ack;
        await without.driver.stop();
        // What the card does not have with the feature either shows nothing.
        if (before !== commands.ack.ok) continue;
        holds &&= after === commands.ack.error;
        seen.push(`${typeNames.get(of)} answered ${before} with its feature, ${after} without`);
      }
      if (seen.length === 0) throw new Skipped('the card has no type that needs a feature');
      return claim(holds, seen.join('; '));
    },
  },
  {
    id: 'statistics-one-error-of-many',
    statements: ['net-dev-097'],
    section,
    expects: 'one error fails the whole command, wherever it stands',
    needs: ['VIRTIO_NET_F_DEVICE_STATS'],
    async run(bench) {
      const { control, get } = await asking(bench);
      const other = { queue: 1, types: [type.txBasic] };
      const requests = errors(control).flatMap(([name, bad]) => [
        [`${name}, first`, [bad, good, other]] as const,
        [`${name}, between`, [good, bad, other]] as const,
        [`${name}, last`, [good, other, bad]] as const,
      ]);
      const wrong = [
        ...(await wronglyAnswered(get, [['right requests', [good, other]]], commands.ack.ok)),
        ...(await wronglyAnswered(get, requests, commands.ack.error)),
      ];
      return claim(wrong.length === 0, wrong.join('; ') || `${requests.length} commands with one error refused`);
    },
  },
  {
    id: 'statistics-size',
    statements: ['net-dev-098'],
    section,
    expects: 'the header of a reply has its size: 8 bytes and 8 for each counter',
    needs: ['VIRTIO_NET_F_DEVICE_STATS'],
    async run(bench) {
      const { has, control, get } = await asking(bench);
      const seen: string[] = [];
      let holds = true;
      for (const [of, name] of typeNames) {
        if (!has(of)) continue;
        const { result, written } = await get({ queue: queueOf(of, control), types: [of] });
        const size = new DataView(result.buffer).getUint16(6, true);
        holds &&= size === replyBytes(of) && written === 1 + size;
        seen.push(`${name} ${size}`);
      }
      return claim(holds, `sizes: ${seen.join(', ')}`);
    },
  },
  {
    id: 'statistics-type-and-queue',
    statements: ['net-dev-099'],
    section,
    expects: 'the header of each reply has its type and its queue',
    needs: ['VIRTIO_NET_F_DEVICE_STATS'],
    async run(bench) {
      const { has, control, get } = await asking(bench);
      const asked = [0, 1, control].map((queue) => ({
        queue,
        types: [...typeNames.keys()].filter((of) => has(of) && queueOf(of, control) === queue),
      }));
      const { result } = await get(...asked);
      const got = commands.decodeStatistics(result).map((reply) => `${reply.queue}:${reply.type}`);
      const wanted = asked.flatMap(({ queue, types }) => types.map((of) => `${queue}:${of}`));
      const seen = `asked for ${wanted.join(' ')}, got ${got.join(' ')} (queue:type)`;
      // The order of the replies is the card's.
      return claim([...got].sort().join() === [...wanted].sort().join(), seen);
    },
  },
  {
    id: 'statistics-room',
    statements: ['net-dev-100'],
    section,
    expects: 'the card writes as many bytes as there are to write and room for, and no more',
    needs: ['VIRTIO_NET_F_DEVICE_STATS'],
    async run(bench) {
      const { driver, get } = await asking(bench);
      const { result: whole } = await get(good);
      const seen: string[] = [];
      let holds = true;
      for (const room of [whole.length + 100, whole.length - 8, whole.length]) {
        const command = { ...commands.getStatistics([good]), resultBytes: room };
        const { ack, result, written } = await driver.control!.send(command);
        const valid = Math.min(room, whole.length);
        // Behind what the card has to tell, the buffer still has what the driver filled it with.
        const expected = result.map((_, at) => (at < valid ? whole[at] : 0xff));
        holds &&= ack === commands.ack.ok && written === 1 + valid && same(result, expected);
        seen.push(`${written - 1} of ${room}`);
      }
      return claim(holds, `bytes written behind the ack, for ${whole.length} to tell: ${seen.join(', ')}`);
    },
  },
];
