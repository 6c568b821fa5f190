import { placeText } from '../report.js';
import { Results, type Place, type Sample } from '../results.js';
import type { Shown, Skipped, SuiteContext, SuiteResult } from '../suite.js';
import { framesLost, machinesOf, stopLink, useQueues, type Link } from './machine.js';
import type { Peer } from './peers.js';
import { resent } from './resent.js';
import { transfer } from './transfer.js';

/** What can be measured on a link. */
export interface Measure {
  readonly name: string;
  /** Where in a table it stands; with `queues`, the cards use that many pairs. */
  readonly at?: Place;
  /** TCP carries it: what was sent again is counted. */
  readonly tcp?: true;
  take(link: Link, seconds: number): Promise<Sample[]>;
}

/** What can be measured, of whom. */
export interface Rounds {
  readonly peers: readonly Peer[];
  readonly measures: readonly Measure[];
  /** The peers whose losses count as ours. */
  readonly ours: readonly string[];
  /** Has a peer carry traffic for some seconds; one stream and four when left out. */
  readonly warmUp?: (link: Link, seconds: number) => Promise<void>;
}

/**
 * Starts all peers and has them carry traffic; then, in each run, takes each measure of all of them, one right after the
 * other.
 */
export async function measureRounds(
  context: SuiteContext,
  { peers, measures, ours, warmUp = warmUpStreams }: Rounds,
  shownBy: (results: Results) => Shown[] = () => [],
): Promise<SuiteResult> {
  const { runs, seconds, chosen, progress } = context;
  const skipped: Skipped[] = [];
  const links = new Map<string, Link>();
  const results = new Results();
  const lost: number[] = [];
  try {
    for (const peer of chosen(peers)) {
      const why = await peer.obstacle?.();
      if (why === undefined) links.set(peer.name, await start(peer, context, warmUp));
      else {
        progress(`no ${peer.name}: ${why}`);
        skipped.push({ what: peer.name, why });
      }
    }
    for (let run = 1; run <= runs; run++) {
      for (const measure of chosen(measures)) {
        // Whoever came first comes last in the next run, so that what changes over time meets all alike.
        const order = run % 2 === 1 ? [...links] : [...links].reverse();
        for (const [peer, link] of order) {
          const samples = await take(link, measure, seconds);
          for (const sample of samples) results.add(peer, sample);
          if (ours.includes(peer)) lost.push(...samples.filter(isLoss).map(({ value }) => value));
          const [{ value, unit }] = samples;
          progress(
            `run ${run} of ${runs}: ${measure.name}${placeText(measure.at)} ${peer} ${value.toFixed(2)} ${unit}`,
          );
        }
      }
    }
    return { measures: results.measures(), shown: [...shownBy(results), { target: 'losses', values: lost }], skipped };
  } finally {
    for (const link of links.values()) await stopLink(link);
  }
}

const lossSuffixes = ['-retransmissions', '-frames-lost'] as const;

function isLoss({ measure }: Sample): boolean {
  return lossSuffixes.some((suffix) => measure.endsWith(suffix));
}

async function start(
  peer: Peer,
  { warmUpSeconds, progress }: SuiteContext,
  warmUp: NonNullable<Rounds['warmUp']>,
): Promise<Link> {
  progress(`starting ${peer.name}`);
  const link = await peer.start();
  progress(`warming up ${peer.name} for ${warmUpSeconds} s or more`);
  if (warmUpSeconds > 0) await warmUp(link, warmUpSeconds);
  await pause(link);
  return link;
}

/** A transfer of the warm-up, in seconds. */
const warmUpStep = 5;
/** A peer is not warm while one in two of these is faster than all before it by so much. */
const rise = 1.05;
/** How many times as long as asked for the warm-up of a peer that still becomes faster may take. */
const longestWarmUp = 3;

/**
 * The emulator translates what the guest executes often, and V8 that in turn; both take tens of seconds of traffic, and how
 * many differs. One stream goes on until it becomes no faster; then there are four for half of the time.
 */
async function warmUpStreams(link: Link, seconds: number): Promise<void> {
  const half = Math.ceil(seconds / 2);
  const step = Math.min(warmUpStep, half);
  let best = 0;
  let since = 0;
  for (let spent = 0; (spent < half || since < 2) && spent < longestWarmUp * seconds; spent += step) {
    const { megabits } = await transfer(link, { seconds: step, streams: 1 });
    since = megabits > rise * best ? 0 : since + 1;
    best = Math.max(best, megabits);
  }
  await transfer(link, { seconds: half, streams: 4 });
}

async function take(link: Link, measure: Measure, seconds: number): Promise<Sample[]> {
  const { name, at, tcp } = measure;
  await resume(link);
  if (at?.queues !== undefined) await useQueues(link, at.queues);
  const before = await losses(link);
  const samples = await measure.take(link, seconds);
  const after = await losses(link);
  await pause(link);
  return [
    ...samples,
    ...(tcp ? [{ measure: `${name}-retransmissions`, unit: 'segments', value: after.resent - before.resent }] : []),
    { measure: `${name}-frames-lost`, unit: 'frames', value: after.lost - before.lost },
  ].map((sample) => ({ ...sample, at }));
}

async function losses(link: Link): Promise<{ resent: number; lost: number }> {
  return { resent: await resent(link), lost: await framesLost(link) };
}

/** Guests that are not measured stand still, or their timers would disturb. */
async function pause(link: Link): Promise<void> {
  await Promise.all(machinesOf(link).map((machine) => machine.pause()));
}

async function resume(link: Link): Promise<void> {
  await Promise.all(machinesOf(link).map((machine) => machine.resume()));
}
