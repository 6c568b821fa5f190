import type { Sample } from '../results.js';
import type { Suite } from '../suite.js';
import { cpuSeconds, output, type Link, type Machine } from './machine.js';
import { peersNamed } from './peers.js';
import { measureRounds, type Measure } from './rounds.js';
import { placesOf, queueCounts, sessionCounts } from './tables.js';

const ours = ['virtio-mq-workers'];
const axes = { sessions: sessionCounts, queues: queueCounts };

/** A transaction is a small request and a small answer, of HTTP: so all that measures it is Debian's. */
interface Kind {
  readonly name: string;
  readonly help: string;
  /** Of wrk. */
  readonly options: string;
}

export const rr = suiteOf({
  name: 'rr',
  help: 'requests and responses on connections that stay, by sessions and queues',
  options: '',
});

export const crr = suiteOf({
  name: 'crr',
  help: 'connections for one request and response each, by sessions and queues',
  options: "--header 'Connection: close'",
});

function suiteOf({ name, help, options }: Kind): Suite {
  return {
    name,
    help,
    peers: ours,
    measures: [name],
    seconds: 1,
    run: (context) => {
      const measures = placesOf(axes, context.quick).map((at): Measure => ({
        name,
        at,
        tcp: true,
        take: (link, seconds) => take(name, options, link, at.sessions, seconds),
      }));
      const warmUp = async (link: Link, seconds: number): Promise<void> => {
        await take(name, options, link, 4, seconds);
      };
      return measureRounds(context, { peers: peersNamed(ours), measures, ours, warmUp });
    },
  };
}

async function take(name: string, options: string, link: Link, sessions: number, seconds: number): Promise<Sample[]> {
  const { client, address } = link;
  await serve(link);
  const cpuBefore = await cpuSeconds(link);
  const command = `wrk --threads 1 --connections ${sessions} --duration ${seconds}s --timeout ${answerSeconds}s ${options} http://${address}:80/one`;
  const { transactions, perSecond } = readWrk(await output(client, command, { timeoutMs: (seconds + 60) * 1000 }));
  const used = (await cpuSeconds(link)) - cpuBefore;
  return [
    { measure: name, unit: 'transactions/s', value: perSecond },
    { measure: `${name}-cpu`, unit: 'µs/transaction', value: (used / transactions) * 1e6 },
  ];
}

/** How long an answer may take. For each microsecond of it wrk asks for 8 bytes of memory. */
const answerSeconds = 8;

/** lighttpd's own limit of requests on a connection, which is not to be met. */
const mostRequests = 65535;

const served = new WeakSet<Machine>();

/** Starts the server that answers /one with one byte, unless it runs. */
async function serve({ interfaces }: Link): Promise<void> {
  const server = interfaces[interfaces.length - 1].machine;
  if (served.has(server)) return;
  await output(
    server,
    `mkdir -p /run/www && printf 1 >/run/www/one
    cat >/run/www.conf <<'end'
server.document-root = "/run/www"
server.port = 80
server.max-keep-alive-requests = ${mostRequests}
server.max-keep-alive-idle = 3600
server.compat-module-load = "disable"
server.modules = ("mod_staticfile")
end
    lighttpd -f /run/www.conf`,
  );
  served.add(server);
}

/** What wrk says at its end. @throws Error when anything went wrong */
export function readWrk(text: string): { transactions: number; perSecond: number } {
  const [, transactions] = /^ *(\d+) requests in /m.exec(text) ?? [];
  const [, perSecond] = /^Requests\/sec: +([\d.]+)/m.exec(text) ?? [];
  const wrong = /^ *(?:Socket errors|Non-2xx).*$/m.exec(text)?.[0];
  if (transactions === undefined || perSecond === undefined || wrong !== undefined) {
    throw new Error(`wrk failed: ${wrong?.trim() ?? text}`);
  }
  return { transactions: Number(transactions), perSecond: Number(perSecond) };
}
