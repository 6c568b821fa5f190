import {
  addStatus,
  consistently,
  featureBits,
  has,
  negotiate,
  netStatus,
  readNetConfig,
  reset,
  status,
  until,
  type CommonField,
  type ModernTransport,
  type NetDriver,
} from '../../../driver/index.js';
import { choice, modernOf } from '../bench.js';
import { claim, type Case } from '../case.js';
import { configured, received, transmitted } from '../events.js';
import { inbound, marker, outbound } from '../traffic.js';
import { hex } from '../../hex.js';

const section = '4.1.4.3.1';
const list = (values: readonly number[]): string => values.map(hex).join(', ');

/** Feature bits have been handed out in four words so far. */
const featureWords = [0, 1, 2, 3] as const;
/** Words of which no feature is known. */
const emptyWords = [4, 5, 0x100, 0x10001, 0x7fffffff, 0xffffffff] as const;

/** Every bit that the specification has a name for. */
const namedFeatures = Object.values(featureBits).reduce((set, bit) => set | (1n << BigInt(bit)), 0n);

/** The halves of the 64-bit fields. */
const halves: readonly (readonly [low: CommonField, high: CommonField])[] = [
  ['queueDescLow', 'queueDescHigh'],
  ['queueDriverLow', 'queueDriverHigh'],
  ['queueDeviceLow', 'queueDeviceHigh'],
];

async function offeredWords(transport: ModernTransport, words: readonly number[]): Promise<number[]> {
  const offered: number[] = [];
  for (const word of words) offered.push(await transport.offeredWord(word));
  return offered;
}

/** Each word of what the device says that the driver accepted, of the bits that are offered. */
async function acceptedOf(transport: ModernTransport, offered: readonly number[]): Promise<number[]> {
  const accepted: number[] = [];
  for (const word of [...featureWords].reverse()) {
    accepted[word] = ((await transport.acceptedWord(word)) & offered[word]) >>> 0;
  }
  return accepted;
}

/** What a register of each queue holds. */
export async function ofQueues(transport: ModernTransport, field: CommonField): Promise<number[]> {
  const values: number[] = [];
  for (let index = 0; index < (await transport.queueCount()); index++) {
    await transport.set('queueSelect', index);
    values.push(await transport.get(field));
  }
  return values;
}

/** An odd number of changes of the link, and one that is none of the link, are 256. */
const manyChanges = 255;

async function generationAfter(driver: NetDriver, change: () => Promise<void>): Promise<[number, number]> {
  const { transport, features } = driver;
  await consistently(transport, () => readNetConfig(transport, features));
  const before = await modernOf(driver).configGeneration();
  await change();
  return [before, await modernOf(driver).configGeneration()];
}

/** The common configuration (virtio 4.1.4.3): features, generation, status. */
export const commonCases: readonly Case[] = [
  {
    id: 'queue-address-halves',
    statements: ['pci-dev-007'],
    section: '4.1.3.2',
    expects: 'each half of a 64-bit field can be written and read without the other, in any order',
    async run(bench) {
      const transport = await bench.modern();
      await negotiate(transport, choice({}));
      await transport.set('queueSelect', 0);
      for (const [low, high] of halves) {
        const check = async (wanted: readonly [number, number]): Promise<void> => {
          const held = [await transport.get(low), await transport.get(high)];
          const seen = `${low} ${hex(held[0])} and ${high} ${hex(held[1])}`;
          claim(held[0] === wanted[0] && held[1] === wanted[1], `${seen}, not ${wanted.map(hex).join(' and ')}`);
        };
        await transport.set(low, 0x12345000);
        await transport.set(high, 0);
        await check([0x12345000, 0]);
        await transport.set(high, 0x0000abcd);
        await check([0x12345000, 0x0000abcd]);
        await transport.set(low, 0xf0000000);
        await check([0xf0000000, 0x0000abcd]);
      }
      return 'both halves of three fields hold what was written to each';
    },
  },
  {
    id: 'device-feature-words',
    statements: ['pci-dev-012'],
    section,
    expects: 'device_feature shows the 32 bits that device_feature_select selects, and 0 where no feature is',
    async run(bench) {
      const transport = await bench.modern();
      const first = await offeredWords(transport, featureWords);
      const again = (await offeredWords(transport, [...featureWords].reverse())).reverse();
      const empty = await offeredWords(transport, emptyWords);
      const seen = `words ${list(first)}; beyond: ${list(empty)}`;
      // A device with this interface offers VIRTIO_F_VERSION_1; a bit that nothing is known of is one in the wrong place.
      const [low, high] = first.map(BigInt);
      const offered = low | (high << 32n);
      const placed = has(offered, 'VIRTIO_F_VERSION_1') && (offered & ~namedFeatures) === 0n;
      return claim(placed && first.join() === again.join() && empty.every((bits) => bits === 0), seen);
    },
  },
  {
    id: 'driver-feature-words',
    statements: ['pci-dev-013'],
    section,
    expects: 'driver_feature shows the valid bits that were written, of the word that driver_feature_select selects',
    async run(bench) {
      const transport = await bench.modern();
      await reset(transport);
      await addStatus(transport, status.acknowledge);
      await addStatus(transport, status.driver);
      const offered = await offeredWords(transport, featureWords);
      const seen: string[] = [];
      for (const pattern of [0xffffffff, 0x55555555, 0xaaaaaaaa, 0]) {
        const written = offered.map((bits) => (bits & pattern) >>> 0);
        for (const word of featureWords) await transport.acceptWord(word, written[word]);
        const held = await acceptedOf(transport, offered);
        seen.push(claim(held.join() === written.join(), `written ${list(written)}, read ${list(held)}`));
      }
      return seen[0];
    },
  },
  {
    id: 'config-generation',
    statements: ['pci-dev-014'],
    section,
    expects: 'config_generation differs once the driver has read a value that changed since it read last',
    card: { pairs: 1 },
    needs: ['VIRTIO_NET_F_STATUS'],
    async run(bench) {
      const driver = await bench.start();
      const [before, after] = await generationAfter(driver, () => configured.cause(bench, driver));
      return claim(before !== after, `config_generation ${before}, and ${after} after a change of the link`);
    },
  },
  {
    id: 'config-generation-wrap',
    statements: ['pci-dev-014'],
    section,
    expects: 'config_generation differs after 256 changes too, which its 8 bits can not count',
    card: { pairs: 1 },
    needs: ['VIRTIO_NET_F_STATUS', 'VIRTIO_NET_F_GUEST_ANNOUNCE'],
    async run(bench) {
      const [setLink, announce] = [bench.ability('setLink'), bench.ability('announce')];
      const driver = await bench.start();
      const { transport, features } = driver;
      const wanted = netStatus.announce;
      const [before, after] = await generationAfter(driver, async () => {
        await announce();
        for (let change = 0; change < manyChanges; change++) await setLink(change % 2 === 1);
        await until(bench.machine, 'change in the configuration', async () => {
          const { status = 0 } = await readNetConfig(transport, features);
          return (status & netStatus.linkUp) === 0 && (status & wanted) !== 0 ? true : undefined;
        });
      });
      return claim(before !== after, `config_generation ${before}, and ${after} after 256 changes; the status changed`);
    },
  },
  {
    id: 'status-zero-resets',
    statements: ['pci-dev-015'],
    section,
    expects: 'writing 0 to device_status resets the device, which then shows 0 there and uses no queue any more',
    card: { pairs: 1 },
    async run(bench) {
      const driver = await bench.start();
      const { notification, notifyMultiplier } = modernOf(driver);
      const [offset] = (await ofQueues(modernOf(driver), 'queueNotifyOff'))
        .slice(1)
        .map((off) => off * notifyMultiplier);
      const [{ queue: transmit }, { queue: receive }] = [driver.transmitters[0], driver.receivers[0]];
      await transmitted.cause(bench, driver);
      await received.cause(bench, driver);
      await bench.fromCard(1);
      await reset(driver.transport);
      const after = await driver.transport.readStatus();
      await driver.transmitters[0].add(marker(outbound(driver)));
      await transmit.ring.publish();
      await notification.write(offset, 2, transmit.index);
      await bench.wire.send(marker(inbound(driver)));
      await bench.quiet();
      const used = [...(await transmit.collect()), ...(await receive.collect())].length;
      const sent = (await bench.wire.take()).length;
      return claim(
        after === 0 && used + sent === 0,
        `device_status ${after}; afterwards ${used} buffers used, ${sent} frames sent`,
      );
    },
  },
  {
    id: 'queue-enable-after-reset',
    statements: ['pci-dev-016'],
    section,
    expects: 'queue_enable is 0 after a reset, of every queue',
    async run(bench) {
      const driver = await bench.start();
      const transport = modernOf(driver);
      const before = await ofQueues(transport, 'queueEnable');
      await reset(transport);
      const after = await ofQueues(transport, 'queueEnable');
      const enabled = before.filter((value) => value === 1).length;
      const seen = `${enabled} queues enabled; after the reset queue_enable is ${after.join(', ')}`;
      return claim(enabled === driver.queues.length && after.every((value) => value === 0), seen);
    },
  },
];
