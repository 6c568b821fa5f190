import { Sent } from '../../net/index.js';
import { deviceStatus } from '../../virtio/status.js';
import { Arguments } from './arguments.js';
import type { Input, Step } from './input.js';
import { operationNames, operations } from './operations.js';
import { worksAfterReset } from './start.js';
import { Finding, Subject, type CardWish } from './subject.js';

/** The step that says which card it is; it counts as the first one of an input only. */
export const cardStep = 'card';
export const stepNames: readonly string[] = [...operationNames, cardStep];

export interface Execution {
  /** What the card did that it must not do, if anything. */
  readonly finding: string | undefined;
  /** What it did, as far as that can be told from outside. */
  readonly signs: ReadonlySet<string>;
}

/** Does to a card what the input says, and looks whether it bears that. */
export function execute(input: Input): Execution {
  const subject = new Subject(cardWish(input.at(0)));
  return { finding: problem(subject, input), signs: subject.signs };
}

function problem(subject: Subject, input: Input): string | undefined {
  try {
    for (const { operation, bytes } of input) {
      if (!Object.hasOwn(operations, operation)) continue;
      operations[operation](subject, new Arguments(bytes));
    }
    checkRegisters(subject);
    checkCounters(subject);
    const at = subject.memory.trespass();
    if (at !== undefined) throw new Finding(`the device wrote at 0x${at.toString(16)}, where it had no leave to`);
    subject.peerAnswers = Sent.taken;
    subject.clock.advance(60_000);
    const fault = worksAfterReset(subject);
    if (fault !== undefined) throw new Finding(`after a reset ${fault}`);
    checkCounters(subject);
  } catch (error) {
    return describe(error);
  }
  return undefined;
}

/** Findings that have one cause get one text: the message without its numbers, and where it was thrown. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  if (error instanceof Finding) return error.message;
  const place = /at (?:.*[/\\])?([\w.]+:\d+)/.exec(error.stack?.split('\n').at(1) ?? '')?.[1] ?? 'somewhere';
  return `${error.name} thrown at ${place}: ${error.message}`;
}

function cardWish(step: Step | undefined): CardWish {
  const args = new Arguments(step?.operation === cardStep ? step.bytes : new Uint8Array());
  return {
    queuePairs: 1 + args.below(3),
    queueSize: args.pick([16, 64, 4]),
    transitional: args.below(2) === 1,
    vectors: args.pick([undefined, 0, 1, 2]),
    allFeatures: args.below(2) === 1,
  };
}

const statusBits = Object.values(deviceStatus).reduce((sum, bit) => sum | bit, 0);
const isrBits = 3;

/** What the driver can read has no bits that mean nothing. */
function checkRegisters(subject: Subject): void {
  const { function: fn, device } = subject;
  const status = subject.common(20, 1);
  if (status & ~statusBits) throw new Finding(`the status is 0x${status.toString(16)}`);
  for (let queue = 0; queue < subject.queueCount; queue++) {
    subject.setCommon(22, 2, queue);
    if (subject.common(28, 2) > 1) throw new Finding(`queue_enable is ${subject.common(28, 2)}`);
    const vector = subject.common(26, 2);
    if (vector !== 0xffff && vector >= fn.msix.vectors) throw new Finding(`queue_msix_vector is ${vector}`);
  }
  const isr = fn.interrupts.readIsr();
  if (isr & ~isrBits) throw new Finding(`the ISR status is ${isr}`);
  if (device.lanes < 1 || device.lanes > device.maxQueuePairs) throw new Finding(`${device.lanes} pairs are in use`);
}

/** Each frame is counted once: as delivered, filtered or lost. */
function checkCounters({ device, in: arrived, out }: Subject): void {
  const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);
  const total = device.counters.reduce(
    (all, lane) => ({
      received: all.received + lane.rxFrames,
      sent: all.sent + lane.txFrames,
      filtered: all.filtered + sum(lane.filtered),
      dropped: all.dropped + sum(lane.dropped),
    }),
    { received: 0, sent: 0, filtered: 0, dropped: 0 },
  );
  const wrong =
    total.received !== arrived[Sent.taken] ||
    total.sent !== out[Sent.taken] + out[Sent.dropped] ||
    total.filtered + total.dropped < arrived[Sent.dropped];
  if (wrong) throw new Finding(`the counters say ${JSON.stringify(total)} of ${JSON.stringify({ arrived, out })}`);
}
