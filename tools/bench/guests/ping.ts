import { median } from '../statistics.js';
import { output, type Link } from './machine.js';

/** The first pings find everything cold: addresses to resolve, code to translate. */
const coldPings = 10;
const pings = 50;
const pingInterval = 0.05;

/** The median round trip from the client to the server, in milliseconds. */
export async function ping({ client, address }: Link): Promise<number> {
  const count = coldPings + pings;
  const text = await output(client, `ping -c ${count} -i ${pingInterval} ${address}`);
  return median(readPings(text).slice(coldPings));
}

/** The round trips that a ping shows, in milliseconds. */
export function readPings(text: string): number[] {
  return [...text.matchAll(/ time=([\d.]+) ms/g)].map(([, milliseconds]) => Number(milliseconds));
}
