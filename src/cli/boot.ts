import { UserError } from '../vm/index.node.js';
import { captureSummary, endCapture, openCapture, standardOutput, type CaptureSettings } from './capture.js';
import { runConsole } from './console.js';
import { faultTables } from './faultList.js';
import { hotplugSummary, type HotplugReport, type SecondCard } from './hotplug.js';
import { interruptible } from './interrupt.js';
import { Network, type NetworkOptions, type Station, type StationReport } from './network.js';
import { createProgress, type Progress } from './progress.js';
import { report } from './report.js';
import { runCommand, type GuestCommand, type Run } from './runs.js';
import type { Streams } from './streams.js';
import { showCommand } from './showCommand.js';
import { bootSummary } from './summary.js';
import { driverTables } from './driverTable.js';
import { laneTable } from './tables.js';

export interface BootSettings {
  readonly network: NetworkOptions;
  readonly commands: readonly GuestCommand[];
  /** How long each command may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly json: boolean;
  /** Each guest gains a second card before its commands, and loses it after them. */
  readonly hotplug: boolean;
  /** Where all that passes the guests' ports is written. */
  readonly capture?: CaptureSettings | undefined;
}

/** `vmq boot`: starts guests and runs commands in them, or gives a console. Answers the exit status. */
export async function boot(settings: BootSettings, allStreams: Streams): Promise<number> {
  const streams = settings.capture?.file === standardOutput ? withoutOutput(allStreams) : allStreams;
  const interactive = settings.commands.length === 0 && !settings.json;
  if (interactive && !(streams.stdin.isTTY && streams.stdout.isTTY)) {
    throw new UserError("A console needs a terminal, and this is none; give commands with --exec 'shell command'.");
  }
  const progress = createProgress(streams.stderr);
  try {
    return await interruptible(async (signal) => {
      const wish = settings.capture && (await openCapture(settings.capture, allStreams, progress, signal));
      const network = await Network.start(settings.network, progress, signal, wish);
      try {
        const { stations, capture } = network;
        const second = await plugSecondCards(settings, network, progress, signal);
        await useWaysOut(network);
        progress.done(bootSummary(stations));
        if (interactive) await runConsole(stations, streams, signal);
        const runs = await runCommands(settings, stations, streams, progress, signal);
        const hotplug = second && (await unplug(second, progress));
        const captureReport = capture && settings.capture && (await endCapture(capture, settings.capture));
        if (captureReport) progress.done(captureSummary(captureReport));
        progress.stop();
        const reports = await network.reports();
        if (settings.json) {
          const ports = network.ports.map((port) => port.counters());
          const document = report(reports, runs, hotplug, captureReport, ports);
          streams.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
        } else {
          const ways = network.ports.flatMap((port) => port.lines?.() ?? []).join('\n');
          streams.stdout.write(`\n${[...tables(reports), ways].filter(Boolean).join('\n\n')}\n`);
        }
        return runs.every(({ status }) => status === 0) ? 0 : 1;
      } finally {
        await network.stop();
      }
    });
  } finally {
    progress.stop();
  }
}

function tables(stations: readonly StationReport[]): string[] {
  return [laneTable(stations), ...driverTables(stations), ...faultTables(stations)];
}

/** Everything that is for people goes to standard error, as standard output is taken. */
function withoutOutput({ stdin, stderr }: Streams): Streams {
  return { stdin, stdout: stderr, stderr };
}

/** Has the guests make use of ways out that are of use to all of them. */
async function useWaysOut({ ports, stations }: Network): Promise<void> {
  const commands = ports.flatMap(({ guestCommand }) => guestCommand ?? []);
  if (commands.length === 0) return;
  await Promise.all(stations.map(({ guest }) => guest.run(commands.join('\n'))));
}

async function plugSecondCards(
  settings: BootSettings,
  network: Network,
  progress: Progress,
  signal: AbortSignal,
): Promise<SecondCard[] | undefined> {
  if (!settings.hotplug) return undefined;
  progress.step('plugging in second cards');
  return network.plugSecondCards(signal);
}

async function unplug(cards: readonly SecondCard[], progress: Progress): Promise<HotplugReport[]> {
  progress.step('unplugging the second cards');
  const reports = await Promise.all(cards.map((card) => card.unplug()));
  progress.done(hotplugSummary(reports));
  return reports;
}

async function runCommands(
  { commands, timeoutMs, json }: BootSettings,
  stations: readonly Station[],
  streams: Streams,
  progress: Progress,
  signal: AbortSignal,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const { guest, command } of commands) {
    const options = { timeoutMs, signal, onProblem: (text: string) => progress.note(text) };
    const station = stations.find(({ number }) => number === guest)!;
    if (json) progress.step(`guest ${guest}: ${command}`);
    runs.push(
      json ? await runCommand(station, command, options) : await showCommand(station, command, streams, options),
    );
  }
  return runs;
}
