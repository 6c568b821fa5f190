import type { NetFeatureName } from '../net/index.js';
import type { StationReport } from './network.js';
import { laneTable, table } from './tables.js';
import type { Guide } from './tour.js';
import { featureMeanings } from './tourFeatures.js';

export interface TourStep {
  readonly title: string;
  does(guide: Guide): void | Promise<void>;
}

/** How many streams iperf3 has, one try after the other, until every queue pair had traffic. */
const streamCounts = [4, 8, 16, 32] as const;

export const tourSteps: readonly TourStep[] = [
  {
    title: 'Two Linux guests',
    async does({ say, run }) {
      say(`Two PCs run in this process, each with a Debian kernel that nobody changed. Each has a network card made of
        TypeScript: to Linux it is an ordinary virtio card on PCI, with four queue pairs. A switch connects the two.`);
      await run(1, 'uname -srm');
      await run(1, 'ethtool -i eth0 | head -n 5');
    },
  },
  {
    title: 'What the driver and the card agreed on',
    async does({ say, show, reports }) {
      const [guest] = await reports();
      say(
        `A virtio card offers features, one bit each; the driver accepts those that it knows, and only these are used.`,
      );
      show(featureTable(guest));
      say(`The card interrupts by MSI-X: each queue has a vector of its own, so that the guest knows at once where to look.
        Linux gives the last queue, the one for commands, none.`);
      show(vectorTable(guest));
    },
  },
  {
    title: 'Queue pairs',
    async does({ say, run }) {
      say(`A queue pair is a receive queue and a transmit queue. Linux begins with one pair for each processor, and these
        guests have one processor. The card can do four, so we ask both guests for four.`);
      await run(1, 'ethtool -l eth0');
      await run(1, 'ethtool -L eth0 combined 4');
      await run(2, 'ethtool -L eth0 combined 4');
    },
  },
  {
    title: 'Interrupts before traffic',
    async does({ say, run }) {
      say('Each queue has a line here; the number is how often it interrupted so far.');
      await run(1, 'grep virtio /proc/interrupts');
    },
  },
  {
    title: 'Traffic',
    async does(guide) {
      guide.say('First a ping from guest 1 to guest 2:');
      await guide.run(1, 'ping -c 5 -i 0.2 10.0.0.2');
      await spreadFlows(guide);
    },
  },
  {
    title: 'Interrupts after traffic',
    async does({ say, run, fail, reports }) {
      await run(1, 'grep virtio /proc/interrupts');
      const silent = (await reports()).flatMap((station) =>
        silentUses(station).map((use) => `${use} of guest ${station.number}`),
      );
      if (silent.length > 0) fail(`No interrupts came from ${silent.join(', ')}.`);
      else say('All four pairs took part, as every input and every output line has counted.');
    },
  },
  {
    title: 'What the cards counted',
    async does({ say, show, fail, reports }) {
      const stations = await reports();
      say(`The cards count by queue pair. A flow keeps to its pair: what comes back for it comes in on the pair that the
        guest sent it on.`);
      show(laneTable(stations));
      for (const { number, lanes } of stations) {
        if (lanes.some(({ dropped }) => Object.keys(dropped).length > 0)) fail(`Guest ${number}'s card lost frames.`);
      }
    },
  },
];

/** What the tour ends with. */
export const tourEnd = `\
npx vmq boot
    a console of both guests in this terminal
npx vmq boot --queues 8 --exec 'ethtool -L eth0 combined 8' --exec 'ethtool -l eth0'
    more queue pairs
npx vmq boot --guests 3 --exec 'ping -c 3 10.0.0.2' --exec 3:'ping -c 3 10.0.0.1'
    more guests
npx vmq boot --append pci=nomsi --exec 'grep virtio /proc/interrupts'
    without MSI-X: one interrupt line for all queues
npx vmq boot --json --exec 'iperf3 -c 10.0.0.2 -P 8'
    results and counters for programs to read
npx vmq --help`;

/** Streams go to queue pairs by chance, so there are as many of them as it takes. */
async function spreadFlows({ say, run, reports }: Guide): Promise<void> {
  say(`Now four TCP streams; an iperf3 server runs in each guest. The emulator translates the guests' code while it runs, so
    that a connection gets faster and faster in its first half minute. This is its beginning:`);
  for (const streams of streamCounts) {
    const first = streams === streamCounts[0];
    await run(1, `iperf3 -c 10.0.0.2 -P ${streams} ${first ? '-t 2 -i 0' : '-t 1 -i 0 | grep SUM'}`);
    if ((await reports()).every((station) => silentUses(station).length === 0)) return;
    if (streams === streamCounts.at(-1)) return;
    say(
      'Linux chooses a pair for each stream by a hash of its addresses and ports, and a pair is still idle. More streams:',
    );
  }
}

/** The queues of pairs in use that never interrupted. */
function silentUses({ vectors, queuePairsInUse }: StationReport): string[] {
  const fired = vectors.filter((vector) => vector.fired > 0);
  const heard = new Set(fired.flatMap(({ use }) => use.split(' ')));
  const uses = Array.from({ length: queuePairsInUse }, (_, pair) => [`input.${pair}`, `output.${pair}`]).flat();
  return uses.filter((use) => !heard.has(use));
}

function featureTable({ offered, accepted }: StationReport): string {
  const taken = new Set(accepted.map(({ name }) => name));
  const rows = offered.map(({ bit, name }) => [
    ...[String(bit), name, taken.has(name) ? 'yes' : 'no'],
    featureMeanings[name as NetFeatureName],
  ]);
  const columns = [
    ['bit', 'right'],
    ['offered', 'left'],
    ['accepted', 'left'],
    ['what it is for', 'left'],
  ] as const;
  return table(columns, rows);
}

function vectorTable({ vectors }: StationReport): string {
  const rows = vectors.map(({ vector, use }) => [String(vector), use || '(not in use)']);
  const columns = [
    ['vector', 'right'],
    ['interrupts for', 'left'],
  ] as const;
  return table(columns, rows);
}
