import { UserError } from '../vm/index.node.js';
import { runConsole } from './console.js';
import { interruptible } from './interrupt.js';
import { Network, type NetworkOptions, type Station } from './network.js';
import { createProgress, type Progress } from './progress.js';
import { report } from './report.js';
import { runCommand, type GuestCommand, type Run } from './runs.js';
import type { Streams } from './streams.js';
import { showCommand } from './showCommand.js';
import { bootSummary } from './summary.js';
import { laneTable } from './tables.js';

export interface BootSettings {
  readonly network: NetworkOptions;
  readonly commands: readonly GuestCommand[];
  /** How long each command may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly json: boolean;
}

/** `vmq boot`: starts guests and runs commands in them, or gives a console. Answers the exit status. */
export async function boot(settings: BootSettings, streams: Streams): Promise<number> {
  const interactive = settings.commands.length === 0 && !settings.json;
  if (interactive && !(streams.stdin.isTTY && streams.stdout.isTTY)) {
    throw new UserError("A console needs a terminal, and this is none; give commands with --exec 'shell command'.");
  }
  const progress = createProgress(streams.stderr);
  try {
    return await interruptible(async (signal) => {
      const network = await Network.start(settings.network, progress, signal);
      try {
        progress.done(bootSummary(network.stations));
        if (interactive) await runConsole(network.stations, streams, signal);
        return await finish(settings, network.stations, streams, progress, signal);
      } finally {
        await network.stop();
      }
    });
  } finally {
    progress.stop();
  }
}

/** Runs the commands, then prints what is to be known in the end. */
async function finish(
  settings: BootSettings,
  stations: readonly Station[],
  streams: Streams,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  const { commands, timeoutMs, json } = settings;
  const runs: Run[] = [];
  for (const { guest, command } of commands) {
    const options = { timeoutMs, signal, onProblem: (text: string) => progress.note(text) };
    const station = stations[guest - 1];
    if (json) progress.step(`guest ${guest}: ${command}`);
    runs.push(
      json ? await runCommand(station, command, options) : await showCommand(station, command, streams, options),
    );
  }
  progress.stop();
  if (json) streams.stdout.write(`${JSON.stringify(report(stations, runs), undefined, 2)}\n`);
  else streams.stdout.write(`\n${laneTable(stations)}\n`);
  return runs.every(({ status }) => status === 0) ? 0 : 1;
}
