import { has, readNetConfig, reset, type NetConfig, type NetDriver } from '../../../driver/index.js';
import type { Bench } from '../bench.js';
import { claim, Skipped, type Case } from '../case.js';
import { packet, pattern, plainFrame } from '../packets.js';
import { same } from '../reception.js';
import { inbound, marker, outbound, receivedUntilMarker, startWith } from '../traffic.js';

const section = '5.1.4.1';
const ethernetBytes = 14;

interface FieldRange extends Pick<Case, 'id' | 'statements' | 'expects' | 'needs' | 'card'> {
  readonly field: keyof NetConfig;
  readonly holds: (value: number) => boolean;
}

/** A field that has to be in a range where a feature is there. */
const inRange = ({ field, holds, ...rest }: FieldRange): Case => ({
  ...rest,
  section,
  async run(bench) {
    const { config } = await bench.start();
    const value = Number(config[field]);
    return claim(holds(value), `${field} is ${value}`);
  },
});

/** Features that are of no use without a control queue. */
const controlled = [
  { id: 'net-config-hash-without-control', feature: 'VIRTIO_NET_F_HASH_REPORT', statement: 'net-dev-012' },
  { id: 'net-config-rx-extra-without-control', feature: 'VIRTIO_NET_F_CTRL_RX_EXTRA', statement: 'net-dev-013' },
] as const;

const controlledCases = controlled.map(({ id, feature, statement }): Case => ({
  id,
  statements: [statement],
  section,
  expects: `a device without VIRTIO_NET_F_CTRL_VQ does not offer ${feature}`,
  card: { offer: { VIRTIO_NET_F_CTRL_VQ: false } },
  async run(bench) {
    const offered = await (await bench.modern()).offered();
    if (has(offered, 'VIRTIO_NET_F_CTRL_VQ')) throw new Skipped('the card always has a control queue');
    const both = has(offered, feature);
    return claim(!both, `VIRTIO_NET_F_CTRL_VQ is not offered, ${feature} is${both ? '' : ' not'} offered`);
  },
}));

/** Configuration, network card (virtio 5.1.4). */
export const netConfigCases: readonly Case[] = [
  inRange({
    id: 'net-config-max-pairs',
    statements: ['net-dev-001'],
    expects: 'max_virtqueue_pairs is from 1 to 0x8000',
    needs: ['VIRTIO_NET_F_MQ'],
    field: 'maxVirtqueuePairs',
    holds: (value) => value >= 1 && value <= 0x8000,
  }),
  inRange({
    id: 'net-config-mtu',
    statements: ['net-dev-002'],
    expects: 'mtu is from 68 to 65535',
    needs: ['VIRTIO_NET_F_MTU'],
    field: 'mtu',
    holds: (value) => value >= 68 && value <= 65535,
  }),
  inRange({
    id: 'net-config-mtu-for-ipv6',
    statements: ['net-dev-003'],
    expects: 'mtu is 1280 or more',
    needs: ['VIRTIO_NET_F_MTU'],
    field: 'mtu',
    holds: (value) => value >= 1280,
  }),
  {
    id: 'net-config-mtu-constant',
    statements: ['net-dev-004'],
    section,
    expects: 'mtu stays what it is, over traffic, a link that goes down, and resets',
    needs: ['VIRTIO_NET_F_MTU'],
    async run(bench) {
      const seen = await values(bench, ({ mtu }) => [mtu]);
      return claim(new Set(seen).size === 1, `mtu: ${seen.join(', ')}`);
    },
  },
  {
    id: 'net-mtu-receive',
    statements: ['net-dev-005'],
    section,
    expects: 'packets that are longer than the MTU allows are not passed to the driver',
    card: { pairs: 1 },
    needs: ['VIRTIO_NET_F_MTU'],
    async run(bench) {
      const { mtu } = (await startWith(bench, ['VIRTIO_NET_F_MTU'])).config;
      const longest = ethernetBytes + mtu!;
      const buffers = { receive: { bufferBytes: longest + 1000 } };
      // A driver that did not accept the MTU shows whether such packets come as far as the card.
      const heedless = await arriving(bench, await startWith(bench, [], buffers), [longest, longest + 1]);
      if (heedless.length < 2) throw new Skipped(`packets of ${longest + 1} bytes do not reach the card`);
      const driver = await startWith(bench, ['VIRTIO_NET_F_MTU'], buffers);
      const lengths = await arriving(bench, driver, [longest, longest + 1, longest + 500]);
      return claim(
        lengths.length === 1 && lengths[0] === longest,
        `an MTU of ${mtu!}: of ${longest}, ${longest + 1} and ${longest + 500} bytes with the Ethernet header came ${lengths.join(', ')}`,
      );
    },
  },
  {
    id: 'net-mtu-transmit',
    statements: ['net-dev-006'],
    section,
    expects: 'packets up to the MTU are sent on as they are, in one piece',
    needs: ['VIRTIO_NET_F_MTU'],
    async run(bench) {
      const driver = await startWith(bench, ['VIRTIO_NET_F_MTU']);
      const mtu = driver.config.mtu!;
      const headers = 28;
      const sizes = [68, Math.floor(mtu / 2), mtu - 1, mtu];
      const sent = sizes.map((size) => packet({ ...outbound(driver), payload: pattern(size - headers) }).bytes);
      await driver.send(0, sent);
      await driver.sent(0);
      const frames = await bench.fromCard(sent.length);
      const whole = frames.length === sent.length && frames.every(({ bytes }, i) => same(bytes, sent[i]));
      return claim(
        whole,
        `an MTU of ${mtu}: IP packets of ${sizes.join(', ')} bytes left as frames of ${frames.map(({ bytes }) => bytes.length).join(', ')}`,
      );
    },
  },
  inRange({
    id: 'net-config-rss-key',
    statements: ['net-dev-007'],
    expects: 'with RSS the device takes keys of 40 bytes at least',
    needs: ['VIRTIO_NET_F_RSS'],
    field: 'rssMaxKeySize',
    holds: (value) => value >= 40,
  }),
  inRange({
    id: 'net-config-hash-key',
    statements: ['net-dev-007'],
    expects: 'with hash reports and no RSS the device takes keys of 40 bytes at least',
    needs: ['VIRTIO_NET_F_HASH_REPORT'],
    card: { offer: { VIRTIO_NET_F_RSS: false } },
    field: 'rssMaxKeySize',
    holds: (value) => value >= 40,
  }),
  inRange({
    id: 'net-config-rss-table',
    statements: ['net-dev-008'],
    expects: 'the indirection table may have 128 entries at least',
    needs: ['VIRTIO_NET_F_RSS'],
    field: 'rssMaxIndirectionTableLength',
    holds: (value) => value >= 128,
  }),
  inRange({
    id: 'net-config-speed',
    statements: ['net-dev-009'],
    expects: 'speed is up to 0x7fffffff Mbit/s, or 0xffffffff where it is unknown',
    needs: ['VIRTIO_NET_F_SPEED_DUPLEX'],
    field: 'speed',
    holds: (value) => value <= 0x7fffffff || value === 0xffffffff,
  }),
  inRange({
    id: 'net-config-duplex',
    statements: ['net-dev-010'],
    expects: 'duplex is 0, 1, or 0xff where it is unknown',
    needs: ['VIRTIO_NET_F_SPEED_DUPLEX'],
    field: 'duplex',
    holds: (value) => [0, 1, 0xff].includes(value),
  }),
  {
    id: 'net-config-speed-constant',
    statements: ['net-dev-011'],
    section,
    expects: 'speed and duplex stay what they are while the link is up',
    needs: ['VIRTIO_NET_F_SPEED_DUPLEX', 'VIRTIO_NET_F_STATUS'],
    async run(bench) {
      const up = await values(bench, ({ speed, duplex, status }) => (status! & 1 ? [`${speed!}/${duplex!}`] : []));
      return claim(up.length > 1 && new Set(up).size === 1, `speed/duplex while the link was up: ${up.join(', ')}`);
    },
  },
  ...controlledCases,
];

/** The lengths of those of the frames that reach the driver. */
async function arriving(bench: Bench, driver: NetDriver, lengths: readonly number[]): Promise<number[]> {
  const { to, from } = inbound(driver);
  await bench.wire.send(...lengths.map((length) => plainFrame(to, from, length)));
  return (await receivedUntilMarker(bench, driver)).map(({ frame }) => frame.length);
}

/** What of the configuration is to stay, through much of what happens to a card. */
async function values<T>(bench: Bench, pick: (config: NetConfig) => T[]): Promise<T[]> {
  const driver = await bench.start();
  const { transport, features } = driver;
  const read = async (): Promise<T[]> => pick(await readNetConfig(transport, features));
  const seen = [...pick(driver.config), ...(await read())];
  await driver.send(0, [marker(outbound(driver))]);
  await driver.sent(0);
  await receivedUntilMarker(bench, driver);
  seen.push(...(await read()));
  const { target } = bench;
  for (const up of target.setLink ? [false, true] : []) {
    await target.setLink!(up);
    seen.push(...(await read()));
  }
  await reset(transport);
  seen.push(...(await read()));
  return [...seen, ...pick((await bench.start()).config)];
}
