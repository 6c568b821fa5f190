import type { Sample } from '../results.js';
import type { Suite } from '../suite.js';
import type { Link } from './machine.js';
import { peersNamed } from './peers.js';
import { measureRounds, type Measure } from './rounds.js';
import { placesOf, queueCounts, sessionCounts } from './tables.js';
import { transfer } from './transfer.js';

const name = 'stream';
const ours = ['virtio-mq-workers'];
const axes = { bytes: [64, 256, 1024, 4096, 16384, 65536], queues: queueCounts, sessions: sessionCounts };

/** Streams by the size of what is written at once, number of streams, and queue pairs. */
export const stream: Suite = {
  name,
  help: 'TCP streams by bytes of a write, sessions and queues; processor time for each byte',
  peers: ours,
  measures: [name],
  seconds: 1,
  run: (context) => {
    const measures = placesOf(axes, context.quick).map((at): Measure => {
      const options = { streams: at.sessions, bytes: at.bytes };
      return { name, at, tcp: true, take: (link, seconds) => take(link, { seconds, ...options }) };
    });
    return measureRounds(context, { peers: peersNamed(ours), measures, ours, warmUp });
  },
};

/** Small writes have ways of their own through the guest. */
async function warmUp(link: Link, seconds: number): Promise<void> {
  for (const bytes of [65536, 64]) await transfer(link, { seconds: Math.ceil(seconds / 2), streams: 4, bytes });
}

async function take(link: Link, options: Parameters<typeof transfer>[1]): Promise<Sample[]> {
  const { megabits, nanosecondsPerByte } = await transfer(link, options);
  return [
    { measure: name, unit: 'Mbit/s', value: megabits },
    { measure: `${name}-cpu`, unit: 'ns/byte', value: nanosecondsPerByte },
  ];
}
