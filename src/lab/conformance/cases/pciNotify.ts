import { has, negotiate, openModern, type Machine, type ModernTransport } from '../../../driver/index.js';
import { choice, type Bench, type StartOptions } from '../bench.js';
import { claim, Nonconformance, Skipped, type Case, type CardWish } from '../case.js';
import { aligned, presence, structure } from './pciStructures.js';

/** What a driver may make of a card, as far as it bears on how many queues there are and what they are like. */
const configurations: readonly StartOptions[] = [
  {},
  { ring: 'packed' },
  { only: [] },
  { except: ['VIRTIO_NET_F_MQ', 'VIRTIO_NET_F_RSS'] },
  { except: ['VIRTIO_NET_F_CTRL_VQ'] },
];

/** The largest queue_notify_off of any queue in any of these configurations. */
async function farthestQueue(machine: Machine): Promise<{ notifyOff: number; queues: number }> {
  const transport = await openModern(machine);
  let [farthest, most] = [0, 0];
  for (const options of configurations) {
    await negotiate(transport, choice(options));
    const queues = await transport.queueCount();
    for (let index = 0; index < queues; index++) farthest = Math.max(farthest, await notifyOff(transport, index));
    most = Math.max(most, queues);
  }
  return { notifyOff: farthest, queues: most };
}

async function notifyOff(transport: ModernTransport, index: number): Promise<number> {
  await transport.set('queueSelect', index);
  return transport.get('queueNotifyOff');
}

/** What goes for a device that offers VIRTIO_F_NOTIFICATION_DATA, or for one that does not. */
interface Rules {
  readonly id: string;
  readonly card: CardWish;
  readonly offered: boolean;
  /** Bytes of a notification. */
  readonly bytes: 2 | 4;
  readonly statements: { readonly alignment: string; readonly multiplier: string; readonly length: readonly string[] };
}

const rules: readonly Rules[] = [
  {
    id: 'notify',
    card: { offer: { VIRTIO_F_NOTIFICATION_DATA: false } },
    offered: false,
    bytes: 2,
    statements: {
      alignment: 'pci-dev-026',
      multiplier: 'pci-dev-027',
      length: ['pci-dev-028', 'pci-dev-029'],
    },
  },
  {
    id: 'notify-data',
    card: { offer: { VIRTIO_F_NOTIFICATION_DATA: true } },
    offered: true,
    bytes: 4,
    statements: { alignment: 'pci-dev-031', multiplier: 'pci-dev-030', length: ['pci-dev-032'] },
  },
];

/** @throws Skipped when the card is not of the kind that the rules are for */
async function expectKind({ machine }: Bench, { offered }: Rules): Promise<void> {
  if (has(await (await openModern(machine)).offered(), 'VIRTIO_F_NOTIFICATION_DATA') === offered) return;
  throw new Skipped(`VIRTIO_F_NOTIFICATION_DATA is ${offered ? 'not offered' : 'offered in any case'}`);
}

function casesOf(one: Rules): Case[] {
  const { id, card, bytes, offered, statements } = one;
  const of = offered ? 'with VIRTIO_F_NOTIFICATION_DATA offered' : 'without VIRTIO_F_NOTIFICATION_DATA';
  const section = '4.1.4.4.1';
  return [
    {
      id: `${id}-aligned`,
      statements: [statements.alignment],
      section,
      expects: `${of}, the offset of notifications is a multiple of ${bytes}`,
      card,
      async run(bench) {
        await expectKind(bench, one);
        return aligned(bench.machine, 'notify', bytes);
      },
    },
    {
      id: `${id}-multiplier`,
      statements: [statements.multiplier],
      section,
      expects: `${of}, notify_off_multiplier is 0, or a power of 2 that is a multiple of ${bytes}`,
      card,
      async run(bench) {
        await expectKind(bench, one);
        const { notifyMultiplier: multiplier } = await structure(bench.machine, 'notify');
        const power = (multiplier & (multiplier - 1)) === 0;
        return claim(power && multiplier % bytes === 0, `notify_off_multiplier ${multiplier}`);
      },
    },
    {
      id: `${id}-length`,
      statements: statements.length,
      section,
      expects: `${of}, the notification of every queue in any configuration lies within the structure, ${bytes} bytes`,
      card,
      async run(bench) {
        await expectKind(bench, one);
        const { length, notifyMultiplier } = await structure(bench.machine, 'notify');
        const { notifyOff, queues } = await farthestQueue(bench.machine);
        if (queues === 0) throw new Nonconformance('the card has no queue in any configuration');
        const needed = notifyOff * notifyMultiplier + bytes;
        return claim(length >= needed, `length ${length} for ${queues} queues, which need ${needed}`);
      },
    },
  ];
}

/** The notification structure (virtio 4.1.4.4). */
export const notificationCases: readonly Case[] = [
  presence('notify', 'pci-dev-025', '4.1.4.4.1'),
  ...rules.flatMap(casesOf),
];
