import type { RunOptions, RunResult } from '../../../src/vm/shell.js';

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
