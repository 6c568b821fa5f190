import { Results } from '../results.js';
import type { Suite, SuiteContext, SuiteResult } from '../suite.js';
import { framesPerSecond, type Layout } from './machines.js';

/** By name, what of the cards' pairs is where. */
const peers: readonly (Layout & { readonly name: string })[] = [
  { name: '1 pair', pairs: 1, apart: false, packed: false },
  { name: '2 pairs', pairs: 2, apart: false, packed: false },
  { name: '1 pair, driver apart', pairs: 1, apart: true, packed: false },
  { name: '1 pair, packed', pairs: 1, apart: false, packed: true },
  { name: '2 pairs, packed', pairs: 2, apart: false, packed: true },
];

const measure = 'queue-workers';

async function run({ runs, seconds, chosen, progress }: SuiteContext): Promise<SuiteResult> {
  const results = new Results();
  const all = chosen(peers);
  for (let round = 0; round < runs; round++) {
    for (const peer of all) {
      const value = await framesPerSecond(peer, seconds);
      progress(`${peer.name}: ${value.toFixed(2)} million frames a second`);
      results.add(peer.name, { measure, unit: 'Mframe/s', value });
    }
  }
  return {
    measures: results.measures(),
    shown: [{ target: 'two-pairs-to-one', values: results.ratios(measure, '2 pairs', '1 pair') }],
  };
}

/** Whether pairs that are served by threads of their own are worth their threads. */
export const scaling: Suite = {
  name: 'scaling',
  help: 'one and two pairs of queues, each with a thread of its own, in shared memory',
  peers: peers.map(({ name }) => name),
  measures: [measure],
  seconds: 3,
  run,
};
