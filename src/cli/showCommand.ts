import type { Station } from './network.js';
import { runCommand, type Run, type RunningOptions } from './runs.js';
import { coloursFor, type Streams } from './streams.js';

/** Runs a command for people: a heading that tells which guest runs what, then the output as it comes. */
export async function showCommand(
  station: Station,
  command: string,
  { stdout }: Pick<Streams, 'stdout'>,
  options: Omit<RunningOptions, 'onText'>,
): Promise<Run> {
  const colours = coloursFor(stdout);
  stdout.write(`\n${colours.bold(colours.cyan(`guest ${station.number}`))} ${colours.bold(`# ${command}`)}\n`);
  let last = '\n';
  const onText = (text: string): void => {
    stdout.write(text);
    last = text.at(-1) ?? last;
  };
  const run = await runCommand(station, command, { ...options, onText });
  if (last !== '\n') stdout.write('\n');
  if (run.status !== 0) stdout.write(`${colours.red(`exit status ${run.status}`)}\n`);
  return run;
}
