import type { LocalMemory } from '../../driver/local/memory.js';

/** Where the parts of a frame stand: Ethernet, IPv4 and UDP as far as it matters to whoever steers, then the number. */
const at = {
  source: 6,
  type: 12,
  version: 14,
  kind: 23,
  sourceAddress: 26,
  sourcePort: 34,
  number: 42,
  data: 46,
} as const;
const firstPort = 1000;

/** The length of the shortest frames: 64 bytes with the check sequence that no virtual wire has. */
export const shortFrame = 60;
const longFrame = 1514;

/** Writes what all frames of a flow begin with. */
export function writeHeaders(bytes: Uint8Array, address: number, flow: number): void {
  bytes.fill(0, address, address + at.data);
  bytes.fill(0xff, address, address + at.source);
  bytes[address + at.source] = 2;
  bytes[address + at.type] = 8;
  bytes[address + at.version] = 0x45;
  bytes[address + at.kind] = 17;
  bytes.set([10, 0, 0, 1, 10, 0, 0, 2], address + at.sourceAddress);
  const port = firstPort + flow;
  bytes.set([port >>> 8, port & 0xff, 0, 9], address + at.sourcePort);
}

export function writeNumber(bytes: Uint8Array, address: number, number: number): void {
  const start = address + at.number;
  bytes[start] = number;
  bytes[start + 1] = number >>> 8;
  bytes[start + 2] = number >>> 16;
  bytes[start + 3] = number >>> 24;
}

/** The length of a flow's frame with that number, where lengths vary. */
export function lengthOf(flow: number, number: number): number {
  return shortFrame + ((Math.imul(number + 1, 0x9e3779b1 + 2 * flow) >>> 8) % (longFrame + 1 - shortFrame));
}

/** Fills a frame from its number on: each byte depends on the number, the flow and its place. */
export function writeData(bytes: Uint8Array, address: number, length: number, flow: number, number: number): void {
  writeNumber(bytes, address, number);
  for (let i = at.data; i < length; i++) bytes[address + i] = number + 31 * flow + 7 * i;
}

/** What came of a flow. */
export interface FlowReport {
  readonly flow: number;
  count: number;
  /** Sums of numbers and of their squares, modulo 2^32: whether each of them came once. */
  sum: number;
  squares: number;
  /** Frames with a number that is not above that of the one before. */
  disordered: number;
  /** Frames that are not as they were sent. */
  damaged: number;
  last: number;
}

/** Whether all of a flow's first `count` frames came once each, as far as sums can tell. */
export function isComplete(count: number, parts: readonly FlowReport[]): boolean {
  let sum = 0;
  let squares = 0;
  for (let number = 0; number < count; number++) {
    sum = (sum + number) | 0;
    squares = (squares + Math.imul(number, number)) | 0;
  }
  const total = (of: (part: FlowReport) => number): number => parts.reduce((all, part) => (all + of(part)) | 0, 0);
  return (
    total((part) => part.count) === count &&
    total((part) => part.sum) === sum &&
    total((part) => part.squares) === squares
  );
}

/** Looks at frames that were received: order, and whether they are as they were sent. */
export class FlowChecker {
  readonly flows: (FlowReport | undefined)[] = [];
  private readonly memory: LocalMemory;
  private readonly whole: Uint8Array | undefined;

  /** @param thorough look at each byte, and not at the number alone */
  constructor(memory: LocalMemory, thorough: boolean) {
    this.memory = memory;
    this.whole = thorough ? new Uint8Array(1 << 16) : undefined;
  }

  /** @param parts address and length of each part, in turn */
  check(length: number, parts: Uint32Array, count: number): void {
    const { bytes } = this.memory;
    const start = parts[0];
    const flow = bytes[start + at.sourcePort] * 256 + bytes[start + at.sourcePort + 1] - firstPort;
    const place = start + at.number;
    const number = (bytes[place] | (bytes[place + 1] << 8) | (bytes[place + 2] << 16) | (bytes[place + 3] << 24)) >>> 0;
    const report = (this.flows[flow] ??= newReport(flow));
    report.count++;
    report.sum = (report.sum + number) | 0;
    report.squares = (report.squares + Math.imul(number, number)) | 0;
    if (number <= report.last) report.disordered++;
    report.last = number;
    if (this.whole && !this.isWhole(this.whole, length, parts, count, flow, number)) report.damaged++;
  }

  get reports(): FlowReport[] {
    return this.flows.filter((report) => report !== undefined);
  }

  private isWhole(
    whole: Uint8Array,
    length: number,
    parts: Uint32Array,
    count: number,
    flow: number,
    number: number,
  ): boolean {
    let done = 0;
    for (let i = 0; i < count; i++) {
      whole.set(this.memory.bytes.subarray(parts[2 * i], parts[2 * i] + parts[2 * i + 1]), done);
      done += parts[2 * i + 1];
    }
    if (done !== length || length !== lengthOf(flow, number)) return false;
    for (let i = at.data; i < length; i++) if (whole[i] !== ((number + 31 * flow + 7 * i) & 0xff)) return false;
    return true;
  }
}

function newReport(flow: number): FlowReport {
  return { flow, count: 0, sum: 0, squares: 0, disordered: 0, damaged: 0, last: -1 };
}
