import type { RunOptions, RunResult } from '../../../src/vm/shell.js';
import type { ThreadUse } from './probe.js';

/** A guest, whoever made it. */
export interface Machine {
  /** Stands still until `resume`. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  run(command: string, options?: RunOptions): Promise<RunResult>;
  stop(): Promise<void>;
}

/** Runs a command that has to succeed, and answers what it wrote. @throws Error when it fails */
export async function output(machine: Machine, command: string, options?: RunOptions): Promise<string> {
  const { status, output: text } = await machine.run(command, options);
  if (status !== 0) throw new Error(`${command} ended with status ${status} in the guest:\n${text}`);
  return text;
}

/** One network interface of one guest. */
export interface Interface {
  readonly machine: Machine;
  readonly name: string;
}

/** What is measured: from `client`, the way to the iperf3 server at `address`. */
export interface Link {
  readonly client: Machine;
  readonly address: string;
  /** Both ends; the same one twice where a guest talks to itself. */
  readonly interfaces: readonly Interface[];
  /** Frames lost since the start, where the guests' own counts can't tell: what one sends as one, the other gets as many. */
  readonly lost?: () => number | Promise<number>;
  /** Processor time that the guests have used; where it is left out, this process's. */
  readonly cpuSeconds?: () => Promise<number>;
  /** Notifications of our cards' drivers. */
  readonly notifications?: () => Promise<number>;
  /** Watches the threads that the guests run in, where they are threads of this process. */
  readonly watch?: (during: () => Promise<unknown>) => Promise<ThreadUse[]>;
  /** Stops the guests and all that is between them; where it is left out, there are only the guests. */
  readonly stop?: () => Promise<void>;
}

export async function stopLink(link: Link): Promise<void> {
  if (link.stop) await link.stop();
  else await Promise.all(machinesOf(link).map((machine) => machine.stop()));
}

/** Processor time that the guests of a link have used, in seconds: the host's, with all that it does for them. */
export async function cpuSeconds(link: Link): Promise<number> {
  if (link.cpuSeconds) return link.cpuSeconds();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Has the cards at both ends use this many queue pairs. */
export async function useQueues({ interfaces }: Link, queues: number): Promise<void> {
  await Promise.all(
    interfaces.map(async ({ machine, name }) => {
      // ethtool refuses to set what is set.
      const command = `ethtool -l ${name} | tail -n 2 | grep -q 'Combined:[[:space:]]*${queues}$' || ethtool -L ${name} combined ${queues}`;
      await output(machine, command);
    }),
  );
}

export function machinesOf({ interfaces }: Link): Machine[] {
  return [...new Set(interfaces.map(({ machine }) => machine))];
}

/** Frames that one end sent and the other did not receive, as the guests count them, since they came up. */
export async function framesLost({ interfaces, lost: counted }: Link): Promise<number> {
  if (counted) return counted();
  const count = async ({ machine, name }: Interface, which: string): Promise<number> =>
    Number(await output(machine, `cat /sys/class/net/${name}/statistics/${which}_packets`));
  let lost = 0;
  for (const [from, to] of [interfaces, [...interfaces].reverse()]) {
    lost += (await count(from, 'tx')) - (await count(to, 'rx'));
  }
  return lost;
}
