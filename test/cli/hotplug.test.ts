import { expect, it } from 'vitest';

import { hotplugSummary, SecondCard } from '../../src/cli/hotplug.js';
import { UnplugError } from '../../src/hosts/v86/errors.js';
import { UserError } from '../../src/vm/index.js';
import { idleStation } from './stations.js';

/** A second card in guest 3, whose guest gives it up as `unplug` says. */
async function secondCard(unplug: () => Promise<void>) {
  const parts = idleStation(3);
  const added: unknown[] = [];
  Object.assign(parts.station.guest, { run: () => Promise.resolve({ status: 0, output: 'eth1\n' }) });
  Object.assign(parts.station.cards, {
    plug: (plan: unknown) => {
      added.push(plan);
      return Promise.resolve(5);
    },
    unplug,
  });
  const { signal } = new AbortController();
  return { ...parts, added, second: await SecondCard.plug(parts.station, { card: { mtu: 9000 } }, signal) };
}

it('gives the second card of each guest an address of its own, and the options of the first', async () => {
  const { added, second } = await secondCard(() => Promise.resolve());
  expect(added).toMatchObject([{ card: { mac: '52:54:00:00:01:03', mtu: 9000 } }]);
  const report = await second.unplug();
  expect(report).toMatchObject({ guest: 3, interfaceName: 'eth1', ip: '10.0.1.3' });
  expect(report.unplugMs).toBeGreaterThanOrEqual(0);
});

it('waits for no guest that has ended', async () => {
  const { console, second } = await secondCard(() => new Promise(() => undefined));
  const unplug = second.unplug();
  console.close('The guest was switched off.');
  expect(await unplug).toMatchObject({ guest: 3, unplugMs: undefined });
});

it('says in a sentence that a guest keeps its card', async () => {
  const { second } = await secondCard(() => Promise.reject(new UnplugError('It does not.')));
  await expect(second.unplug()).rejects.toEqual(new UserError('It does not.'));
});

it('sums up in a line', () => {
  const both = { interfaceName: 'eth1', ip: '', plugMs: 640 };
  const cards = [
    { ...both, guest: 1, unplugMs: 410 },
    { ...both, guest: 2, unplugMs: undefined },
  ];
  expect(hotplugSummary(cards)).toBe(
    'guest 1 gained eth1 in 0.6 s and lost it in 0.4 s, guest 2 gained eth1 in 0.6 s and ended with it',
  );
});
