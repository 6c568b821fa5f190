import {
  addStatus,
  negotiate,
  readNetConfig,
  reset,
  status,
  type ModernTransport,
  type NetConfig,
} from '../../../driver/index.js';
import { choice } from '../bench.js';
import { claim, type Case } from '../case.js';

/** The device configuration space (virtio 2.5). */
export const configurationCases: readonly Case[] = [
  {
    id: 'configuration-before-features-ok',
    statements: ['basic-dev-010'],
    section: '2.5.2',
    expects: 'every field of an offered feature reads before FEATURES_OK as it does afterwards',
    async run(bench) {
      const transport = await bench.modern();
      await reset(transport);
      await addStatus(transport, status.acknowledge);
      await addStatus(transport, status.driver);
      const offered = await transport.offered();
      const before = await fields(transport, offered);
      const accepted = await negotiate(transport, choice({}));
      const after = await fields(transport, offered & accepted);
      const wrong = Object.keys(after).filter((name) => before[name] !== after[name]);
      const all = Object.entries(before).map(([name, value]) => `${name} ${value}`);
      return claim(
        all.length > 0 && wrong.length === 0,
        wrong.length === 0
          ? `before FEATURES_OK: ${all.join(', ')}`
          : wrong
              .map((name) => `${name} is ${before[name]} before FEATURES_OK and ${after[name]} afterwards`)
              .join(', '),
      );
    },
  },
];

/** The fields that these features give a meaning, for people. */
async function fields(transport: ModernTransport, features: bigint): Promise<Record<string, string>> {
  const config: NetConfig = await readNetConfig(transport, features);
  const present = Object.entries(config).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    present.map(([name, value]: [string, number | Uint8Array]) => [
      name,
      typeof value === 'number' ? `${value}` : [...value].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    ]),
  );
}
