import { UserError } from '../../src/vm/errors.js';
import { framesLost, machinesOf, type Link } from './machine.js';
import { measures, transfer, type Measure } from './measures.js';
import { helpText, parseOptions, type BenchOptions } from './options.js';
import { peers, type Peer } from './peers.js';
import { reportText } from './report.js';
import { Results, type BenchResult } from './results.js';

/** Runs the benchmark; the answer is the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  const names = [...peers, ...measures].map(({ name }) => name);
  try {
    const options = parseOptions(args, names);
    if (options.help) {
      process.stdout.write(helpText(nameList(peers), nameList(measures)));
      return 0;
    }
    // v86 says there when one of its cards drops a frame. Standard output is the result's.
    console.log = () => undefined;
    const result = await benchmark(options);
    process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : reportText(result));
    return 0;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

async function benchmark({ runs, seconds, warmUpSeconds, only }: BenchOptions): Promise<BenchResult> {
  const links = new Map<string, Link>();
  const results = new Results();
  try {
    for (const peer of chosen(peers, only)) {
      progress(`starting ${peer.name}`);
      const link = await peer.start();
      links.set(peer.name, link);
      if (warmUpSeconds > 0) await warmUp(peer.name, link, warmUpSeconds);
      await pause(link);
    }
    for (let run = 1; run <= runs; run++) {
      for (const measure of chosen(measures, only)) {
        // Whoever came first comes last in the next run, so that what changes over time meets all alike.
        const order = run % 2 === 1 ? [...links] : [...links].reverse();
        for (const [peer, link] of order) await take(results, `run ${run} of ${runs}`, peer, link, measure, seconds);
      }
    }
    return results.summary(runs);
  } finally {
    for (const link of links.values()) await Promise.all(machinesOf(link).map((machine) => machine.stop()));
  }
}

async function take(
  results: Results,
  run: string,
  peer: string,
  link: Link,
  measure: Measure,
  seconds: number,
): Promise<void> {
  await resume(link);
  const lostBefore = await framesLost(link);
  const samples = await measure.take(link, seconds);
  const lost = (await framesLost(link)) - lostBefore;
  await pause(link);
  samples.push({ measure: `${measure.name}-frames-lost`, unit: 'frames', value: lost });
  for (const sample of samples) results.add(peer, sample);
  const [{ value, unit }] = samples;
  progress(`${run}: ${measure.name} ${peer} ${value.toFixed(2)} ${unit}`);
}

/** The emulator translates what the guest executes often, and V8 that in turn; both take tens of seconds of traffic. */
async function warmUp(name: string, link: Link, seconds: number): Promise<void> {
  progress(`warming up ${name} for ${seconds} s`);
  const half = Math.ceil(seconds / 2);
  for (const streams of [1, 4]) await transfer(link, half, streams);
}

/** Guests that are not measured stand still, or their timers would disturb. */
async function pause(link: Link): Promise<void> {
  await Promise.all(machinesOf(link).map((machine) => machine.pause()));
}

async function resume(link: Link): Promise<void> {
  await Promise.all(machinesOf(link).map((machine) => machine.resume()));
}

/** Those that are named; all where none is. */
function chosen<T extends Peer | Measure>(all: readonly T[], names: readonly string[]): readonly T[] {
  const named = all.filter(({ name }) => names.includes(name));
  return named.length > 0 ? named : all;
}

function nameList(all: readonly { readonly name: string }[]): string[] {
  return all.map(({ name }) => name);
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
