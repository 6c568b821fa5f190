import { output, type Link } from './machine.js';
import type { Sample } from '../results.js';
import { median } from '../statistics.js';

/** What can be measured on a link. */
export interface Measure {
  readonly name: string;
  take(link: Link, seconds: number): Promise<Sample[]>;
}

/** A transfer's slow start, in seconds, which is left out of its rate. */
const omitted = 1;
/** How much longer than it should a transfer may take, in seconds. */
const patience = 60;

/** The first pings find everything cold: addresses to resolve, code to translate. */
const coldPings = 10;
const pings = 50;
const pingInterval = 0.05;

export const measures: readonly Measure[] = [
  { name: 'guest-to-guest-tcp', take: (link, seconds) => tcp('guest-to-guest-tcp', link, seconds, 1) },
  { name: 'guest-to-guest-tcp-4', take: (link, seconds) => tcp('guest-to-guest-tcp-4', link, seconds, 4) },
  { name: 'ping-rtt', take: ping },
];

/** What iperf3 --json says at the end, as far as it matters here. */
interface IperfReport {
  readonly error?: string;
  readonly end: {
    readonly sum_sent: { readonly retransmits: number };
    readonly sum_received: { readonly bits_per_second: number };
  };
}

async function tcp(name: string, link: Link, seconds: number, streams: number): Promise<Sample[]> {
  const { megabits, retransmissions } = await transfer(link, seconds, streams);
  return [
    { measure: name, unit: 'Mbit/s', value: megabits },
    { measure: `${name}-retransmissions`, unit: 'segments', value: retransmissions },
  ];
}

/** Sends for some seconds from the client to the server. */
export async function transfer(
  { client, address }: Link,
  seconds: number,
  streams: number,
): Promise<{ megabits: number; retransmissions: number }> {
  const command = `iperf3 --client ${address} --time ${seconds} --omit ${omitted} --parallel ${streams} --interval 0 --json`;
  const { output: text } = await client.run(command, { timeoutMs: (seconds + omitted + patience) * 1000 });
  return readIperf(text);
}

export function readIperf(text: string): { megabits: number; retransmissions: number } {
  let report: IperfReport;
  try {
    report = JSON.parse(text) as IperfReport;
  } catch {
    throw new Error(`iperf3 answered no JSON:\n${text}`);
  }
  if (report.error !== undefined) throw new Error(`iperf3 failed: ${report.error}`);
  const { sum_sent: sent, sum_received: received } = report.end;
  return { megabits: received.bits_per_second / 1e6, retransmissions: sent.retransmits };
}

async function ping({ client, address }: Link): Promise<Sample[]> {
  const count = coldPings + pings;
  const text = await output(client, `ping -c ${count} -i ${pingInterval} ${address}`);
  return [{ measure: 'ping-rtt', unit: 'ms', value: median(readPings(text).slice(coldPings)) }];
}

/** The round trips that a ping shows, in milliseconds. */
export function readPings(text: string): number[] {
  return [...text.matchAll(/ time=([\d.]+) ms/g)].map(([, milliseconds]) => Number(milliseconds));
}
