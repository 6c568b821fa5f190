import { Switch, type ConnectionCounters } from '../fabric/index.js';
import { parseStreamAddress, PortError, RelayServer } from '../fabric/index.node.js';
import { systemClock } from '../hosts/v86/index.js';
import { UserError } from '../vm/index.node.js';
import { patience } from './backends.js';
import { aborted, interruptible } from './interrupt.js';
import { createProgress } from './progress.js';
import { serverText } from './qemuPort.js';
import type { Streams } from './streams.js';
import { drops, table } from './tables.js';

export interface RelaySettings {
  readonly host: string;
  readonly port: number;
  /** The pages that may connect; those of this machine when left out. */
  readonly origins?: readonly string[] | undefined;
  /** How many connections may stand at a time. */
  readonly connections: number;
  readonly json: boolean;
}

/** What `vmq relay --json` prints when it ends. */
export interface RelayReport extends ConnectionCounters {
  readonly url: string;
}

/** Reads the value of --listen. @throws UserError when it is no address */
export function listenAddress(text: string): Pick<RelaySettings, 'host' | 'port'> {
  const address = parseStreamAddress(text);
  if (address && 'port' in address) return address;
  throw new UserError(`--listen takes HOST:PORT, such as 127.0.0.1:8087; '${text}' is not one.`);
}

/** Reads a value of --origin, and adds it to those before. @throws UserError when it is none */
export function origin(text: string, before: readonly string[] = []): readonly string[] {
  if (text === '*' || (URL.canParse(text) && new URL(text).origin === text)) return [...before, text];
  throw new UserError(`--origin takes a page's origin, such as https://copy.sh, or * for any; '${text}' is not one.`);
}

/** `vmq relay`: joins the WebSockets that connect to it until a signal ends it. Answers the exit status. */
export async function relay(settings: RelaySettings, streams: Streams): Promise<number> {
  const progress = createProgress(streams.stderr);
  const fabric = new Switch({ clock: systemClock, deadline: patience });
  try {
    return await interruptible(async (signal) => {
      const server = await listen(settings, fabric);
      server.onEvent.on((event) => progress.note(serverText('the relay', event)));
      progress.note(`The relay is at ${server.url}; Ctrl-C ends it.`);
      await aborted(signal);
      // Those that stand are shown as they were, and not as what the end made of them.
      const report: RelayReport = { url: server.url, ...server.counters() };
      await server.close();
      progress.stop();
      streams.stdout.write(settings.json ? `${JSON.stringify(report, undefined, 2)}\n` : relayText(report));
      return 0;
    });
  } finally {
    fabric.close();
    progress.stop();
  }
}

async function listen({ host, port, origins, connections }: RelaySettings, fabric: Switch): Promise<RelayServer> {
  const options = { clock: systemClock, maxConnections: connections, origins };
  return RelayServer.listen({ host, port }, fabric, options).catch((error: unknown) => {
    throw error instanceof PortError ? new UserError(`--listen: ${error.message}`) : error;
  });
}

const columns = [
  ['connection', 'left'],
  ['frames in', 'right'],
  ['bytes in', 'right'],
  ['frames out', 'right'],
  ['bytes out', 'right'],
  ['dropped', 'left'],
] as const;

function relayText({ accepted, ended, refused, ports }: RelayReport): string {
  const rows = ports.map(({ name, inFrames, inBytes, outFrames, outBytes, dropped }) => [
    name,
    ...[inFrames, inBytes, outFrames, outBytes].map(String),
    drops(dropped),
  ]);
  const sums = `${accepted} connections, ${ended} of them ended; ${refused} were turned away`;
  return `\n${rows.length > 0 ? `${table(columns, rows)}\n\n` : ''}${sums}\n`;
}
