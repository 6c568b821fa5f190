import { Results } from '../results.js';
import type { Shown, Skipped, Suite, SuiteContext, SuiteResult } from '../suite.js';
import { framesLost, machinesOf, type Link } from './machine.js';
import { measures, transfer, type Measure } from './measures.js';
import { peers } from './peers.js';

/** Two guests that talk to each other over each of the networks. */
export const guests: Suite = {
  name: 'guests',
  help: 'one TCP stream, four, and pings between two guests, on each network',
  peers: peers.map(({ name }) => name),
  measures: measures.map(({ name }) => name),
  seconds: 5,
  run,
};

async function run(context: SuiteContext): Promise<SuiteResult> {
  const { runs, seconds, warmUpSeconds, chosen, progress } = context;
  const links = new Map<string, Link>();
  const skipped: Skipped[] = [];
  const results = new Results();
  try {
    for (const peer of chosen(peers)) {
      const why = await peer.obstacle?.();
      if (why !== undefined) {
        progress(`no ${peer.name}: ${why}`);
        skipped.push({ what: peer.name, why });
        continue;
      }
      progress(`starting ${peer.name}`);
      const link = await peer.start();
      links.set(peer.name, link);
      progress(`warming up ${peer.name} for ${warmUpSeconds} s`);
      await warmUp(link, warmUpSeconds);
      await pause(link);
    }
    for (let run = 1; run <= runs; run++) {
      for (const measure of chosen(measures)) {
        // Whoever came first comes last in the next run, so that what changes over time meets all alike.
        const order = run % 2 === 1 ? [...links] : [...links].reverse();
        for (const [peer, link] of order) {
          const said = await take(results, peer, link, measure, seconds);
          progress(`run ${run} of ${runs}: ${said}`);
        }
      }
    }
    return { measures: results.measures(), shown: shownBy(results), skipped };
  } finally {
    for (const link of links.values()) await Promise.all(machinesOf(link).map((machine) => machine.stop()));
  }
}

async function take(results: Results, peer: string, link: Link, measure: Measure, seconds: number): Promise<string> {
  await resume(link);
  const lostBefore = await framesLost(link);
  const samples = await measure.take(link, seconds);
  const lost = (await framesLost(link)) - lostBefore;
  await pause(link);
  samples.push({ measure: `${measure.name}-frames-lost`, unit: 'frames', value: lost });
  for (const sample of samples) results.add(peer, sample);
  const [{ value, unit }] = samples;
  return `${measure.name} ${peer} ${value.toFixed(2)} ${unit}`;
}

/** The emulator translates what the guest executes often, and V8 that in turn; both take tens of seconds of traffic. */
async function warmUp(link: Link, seconds: number): Promise<void> {
  if (seconds === 0) return;
  for (const streams of [1, 4]) await transfer(link, Math.ceil(seconds / 2), streams);
}

/** Guests that are not measured stand still, or their timers would disturb. */
async function pause(link: Link): Promise<void> {
  await Promise.all(machinesOf(link).map((machine) => machine.pause()));
}

async function resume(link: Link): Promise<void> {
  await Promise.all(machinesOf(link).map((machine) => machine.resume()));
}

/** The peer that targets are about, and those of the others that count as ours. */
const ours = 'virtio-mq-workers';
const allOurs = ['virtio-mq', 'virtio-mq-segmented', ours];

function shownBy(results: Results): Shown[] {
  const tcp = 'guest-to-guest-tcp';
  const lost = measures.flatMap(({ name }) => [`${name}-retransmissions`, `${name}-frames-lost`]);
  return [
    { target: 'tcp-to-v86-virtio', values: results.ratios(tcp, ours, 'v86-virtio') },
    { target: 'tcp-to-loopback', values: results.ratios(tcp, ours, 'loopback') },
    { target: 'tcp-to-qemu-tap', values: results.ratios(tcp, ours, 'qemu-tap') },
    { target: 'rtt-to-loopback', values: results.ratios('ping-rtt', ours, 'loopback') },
    { target: 'rtt-to-v86-virtio', values: results.ratios('ping-rtt', ours, 'v86-virtio') },
    { target: 'losses', values: lost.flatMap((measure) => allOurs.flatMap((peer) => results.values(measure, peer))) },
  ];
}
