import {
  addStatus,
  DeviceError,
  everythingBut,
  featureBits,
  features,
  has,
  negotiate,
  status,
  unmet,
  type FeatureName,
  type ModernTransport,
} from '../../../driver/index.js';
import { choice } from '../bench.js';
import { claim, Skipped, type CardWish, type Case } from '../case.js';
import { exchange } from '../exchange.js';

const names = Object.keys(featureBits) as FeatureName[];

/** Features that are of no use without another, but are not in the list of feature bit requirements (5.1.3.1). */
const withoutRequirement: readonly FeatureName[] = [
  'VIRTIO_NET_F_CTRL_RX_EXTRA',
  'VIRTIO_NET_F_CTRL_GUEST_OFFLOADS',
  'VIRTIO_NET_F_HASH_REPORT',
  'VIRTIO_NET_F_DEVICE_STATS',
];

/** Cards from which a feature is taken that others require. */
const wishes: readonly (readonly [name: string, offer?: CardWish['offer']])[] = [
  ['all'],
  ['without-control-queue', { VIRTIO_NET_F_CTRL_VQ: false }],
  ['without-checksum', { VIRTIO_NET_F_CSUM: false }],
  ['without-guest-checksum', { VIRTIO_NET_F_GUEST_CSUM: false }],
];

/** Bits from this one on have no meaning; before it there are `featureWords` words. */
const featureWords = 4;
const furtherWords = [4, 5, 31];

/** Feature bits (virtio 2.2). */
export const featureCases: readonly Case[] = [
  ...wishes.map(([name, offer]): Case => ({
    id: `features-requirements-${name}`,
    statements: ['basic-dev-004'],
    section: '2.2.2',
    expects: 'no feature is offered that requires another which is not',
    ...(offer && { card: { offer } }),
    async run(bench) {
      const offered = await (await bench.modern()).offered();
      const kept = (Object.keys(offer ?? {}) as FeatureName[]).filter((feature) => has(offered, feature));
      if (kept.length > 0) throw new Skipped(`the card can not be had without ${kept.join(', ')}`);
      const broken = unmet(offered).filter(([feature]) => !withoutRequirement.includes(feature));
      return claim(
        broken.length === 0,
        broken.length === 0
          ? `0x${offered.toString(16)} offered, and with each feature what it requires`
          : broken.map(([feature, ...oneOf]) => `${feature} without ${oneOf.join(' or ')}`).join(', '),
      );
    },
  })),
  {
    id: 'features-valid-subsets',
    statements: ['basic-dev-005'],
    section: '2.2.2',
    expects: 'FEATURES_OK stays set for every valid subset of what is offered',
    async run(bench) {
      const transport = await bench.modern();
      const offered = await transport.offered();
      const subsets: (readonly [string, (offered: bigint) => bigint])[] = [
        ['everything', everythingBut()],
        ['VIRTIO_F_VERSION_1 alone', choice({ only: [] })],
        ['a packed ring alone', choice({ only: [], ring: 'packed' })],
        ...names
          .filter((name) => name !== 'VIRTIO_F_VERSION_1' && has(offered, name))
          .map((name) => [`everything but ${name}`, everythingBut(name)] as const),
      ];
      const refused: string[] = [];
      for (const [name, choose] of subsets) if (!(await accepts(transport, choose))) refused.push(name);
      return claim(
        refused.length === 0,
        `${subsets.length - refused.length} of ${subsets.length} subsets accepted${refused.map((name) => `, not ${name}`).join('')}`,
      );
    },
  },
  {
    id: 'features-not-offered',
    statements: ['basic-dev-005'],
    section: '2.2.2',
    expects: 'FEATURES_OK is not set when the driver accepts what is not offered',
    async run(bench) {
      const transport = await bench.modern();
      const offered = await transport.offered();
      const absent = names.filter((name) => !has(offered, name));
      claim(absent.length > 0, 'every feature of the specification is offered');
      claim(await accepts(transport, everythingBut()), 'not even what is offered can be accepted');
      const taken: string[] = [];
      for (const name of absent) {
        if (await accepts(transport, (all) => everythingBut()(all) | features(name))) taken.push(name);
      }
      return claim(
        taken.length === 0,
        `${absent.length - taken.length} of ${absent.length} features refused that are not offered${taken.length > 0 ? `; FEATURES_OK stays set with ${taken[0]}` : ''}`,
      );
    },
  },
  {
    id: 'features-described',
    statements: ['basic-dev-006'],
    section: '2.2.2',
    expects: 'only features are offered that the specification describes for this device',
    async run(bench) {
      const transport = await bench.modern();
      const offered = await transport.offered();
      const strange = [...Array(32 * featureWords).keys()].filter(
        (bit) => (offered >> BigInt(bit)) & 1n && !names.some((name) => featureBits[name] === bit),
      );
      const beyond: number[] = [];
      for (const word of furtherWords) if ((await transport.offeredWord(word)) !== 0) beyond.push(word);
      claim(beyond.length === 0, `bits offered from bit ${32 * beyond[0]} on`);
      const all = names.filter((name) => has(offered, name)).length;
      return claim(
        offered !== 0n && strange.length === 0,
        `${all} features of the specification offered${strange.map((bit) => `, and bit ${bit}`).join('')}`,
      );
    },
  },
  {
    id: 'features-again-after-device-reset',
    statements: ['basic-dev-007'],
    section: '2.2.2',
    expects: 'features that were accepted once are accepted again after a reset of the device',
    card: { pairs: 1 },
    async run(bench) {
      const driver = await bench.start();
      await exchange(bench, driver);
      await driver.stop();
      const again = await accepts(await bench.modern(), () => driver.features);
      return claim(again, `0x${driver.features.toString(16)} ${again ? 'accepted' : 'refused'} after the reset`);
    },
  },
  {
    id: 'features-again-after-system-reset',
    statements: ['basic-dev-007'],
    section: '2.2.2',
    expects: 'features that were accepted once are accepted again after a reset of the machine',
    card: { pairs: 1 },
    async run(bench) {
      const resetMachine = bench.ability('reset');
      const driver = await bench.start();
      await exchange(bench, driver);
      await resetMachine();
      const again = await accepts(await bench.modern(), () => driver.features);
      return claim(again, `0x${driver.features.toString(16)} ${again ? 'accepted' : 'refused'} after the reset`);
    },
  },
];

/** Whether FEATURES_OK stays set. */
async function accepts(transport: ModernTransport, choose: (offered: bigint) => bigint): Promise<boolean> {
  try {
    await negotiate(transport, choose);
  } catch (error) {
    if (error instanceof DeviceError) return false;
    throw error;
  }
  return ((await addStatus(transport, 0)) & status.featuresOk) !== 0;
}
