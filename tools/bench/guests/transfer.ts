import { cpuSeconds, type Link } from './machine.js';

/** What iperf3 --json says at the end, as far as it matters here. */
interface IperfReport {
  readonly error?: string;
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number; readonly bytes: number };
  };
}

export interface TransferOptions {
  readonly seconds: number;
  readonly streams: number;
  /** Bytes of each write; iperf3's own 128 KiB when left out. */
  readonly bytes?: number;
  /** Seconds at the beginning that do not count; none when left out. */
  readonly omit?: number;
}

export interface Transfer {
  /** Mbit/s, as the server received them. */
  readonly megabits: number;
  readonly bytes: number;
  /** Processor time of the host for each byte, in nanoseconds; with it what is not counted otherwise: the start, the end. */
  readonly nanosecondsPerByte: number;
}

/** How much longer than it should a transfer may take, in seconds. */
const patience = 60;

/** Sends for some seconds from the client to the server. */
export async function transfer(link: Link, options: TransferOptions): Promise<Transfer> {
  const { seconds, streams, bytes, omit = 0 } = options;
  const length = bytes === undefined ? '' : ` --length ${bytes}`;
  const command = `iperf3 --client ${link.address} --time ${seconds} --omit ${omit} --parallel ${streams}${length} --interval 0 --json`;
  const before = await cpuSeconds(link);
  const { output } = await link.client.run(command, { timeoutMs: (seconds + omit + patience) * 1000 });
  const used = (await cpuSeconds(link)) - before;
  const { received, ...rest } = readIperf(output);
  // Bytes are counted from the end of the start that is left out; processor time can't be.
  const whole = (received * (seconds + omit)) / seconds;
  return { ...rest, bytes: received, nanosecondsPerByte: (used / whole) * 1e9 };
}

export function readIperf(text: string): { megabits: number; received: number } {
  let report: IperfReport;
  try {
    report = JSON.parse(text) as IperfReport;
  } catch {
    throw new Error(`iperf3 answered no JSON:\n${text}`);
  }
  if (report.error !== undefined) throw new Error(`iperf3 failed: ${report.error}`);
  const { bits_per_second: rate, bytes } = report.end.sum_received;
  return { megabits: rate / 1e6, received: bytes };
}
