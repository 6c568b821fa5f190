import type { Results, Sample } from '../results.js';
import type { Shown, Suite } from '../suite.js';
import type { Link } from './machine.js';
import { peers } from './peers.js';
import { ping } from './ping.js';
import { measureRounds, type Measure } from './rounds.js';
import { transfer } from './transfer.js';

const tcp = 'guest-to-guest-tcp';
const rtt = 'ping-rtt';

const measures: readonly Measure[] = [
  { name: tcp, tcp: true, take: (link, seconds) => streams(tcp, link, seconds, 1) },
  { name: `${tcp}-4`, tcp: true, take: (link, seconds) => streams(`${tcp}-4`, link, seconds, 4) },
  { name: rtt, take: async (link) => [{ measure: rtt, unit: 'ms', value: await ping(link) }] },
];

/** A transfer's slow start, in seconds, which is left out of its rate. */
const omit = 1;

async function streams(measure: string, link: Link, seconds: number, count: number): Promise<Sample[]> {
  const { megabits, nanosecondsPerByte } = await transfer(link, { seconds, streams: count, omit });
  return [
    { measure, unit: 'Mbit/s', value: megabits },
    { measure: `${measure}-cpu`, unit: 'ns/byte', value: nanosecondsPerByte },
  ];
}

/** The peer that targets are about. */
const ours = 'virtio-mq-workers';

/** Two guests that talk to each other over each of the networks. */
export const guests: Suite = {
  name: 'guests',
  help: 'one TCP stream, four, and pings between two guests, on each network',
  peers: peers.map(({ name }) => name),
  measures: measures.map(({ name }) => name),
  seconds: 5,
  run: (context) =>
    measureRounds(context, { peers, measures, ours: peers.map(({ name }) => name).filter(isOurs) }, shownBy),
};

function isOurs(name: string): boolean {
  return name.startsWith('virtio-mq');
}

function shownBy(results: Results): Shown[] {
  return [
    { target: 'tcp-to-v86-virtio', values: results.ratios(tcp, ours, 'v86-virtio') },
    { target: 'tcp-to-loopback', values: results.ratios(tcp, ours, 'loopback') },
    { target: 'tcp-to-qemu-tap', values: results.ratios(tcp, ours, 'qemu-tap') },
    { target: 'rtt-to-loopback', values: results.ratios(rtt, ours, 'loopback') },
    { target: 'rtt-to-v86-virtio', values: results.ratios(rtt, ours, 'v86-virtio') },
  ];
}
