import { addStatus, features, reset, setUpQueue, status, type ModernTransport } from '../../driver/index.js';
import { bitsOf, namesOf } from './names.js';
import { brokenRules, type BrokenRule } from './rules.js';

/** The bits of the device status (virtio 2.1), as the specification names them. */
const statusNames: readonly (readonly [bit: number, name: string])[] = [
  [status.acknowledge, 'ACKNOWLEDGE'],
  [status.driver, 'DRIVER'],
  [status.driverOk, 'DRIVER_OK'],
  [status.featuresOk, 'FEATURES_OK'],
  [status.suspend, 'SUSPEND'],
  [status.deviceNeedsReset, 'DEVICE_NEEDS_RESET'],
  [status.failed, 'FAILED'],
];

export function statusBits(value: number): string[] {
  return statusNames.filter(([bit]) => value & bit).map(([, name]) => name);
}

/** One step of the initialisation (virtio 3.1.1), and the device status read after it. */
export interface Step {
  readonly step: string;
  readonly status: number;
  readonly bits: readonly string[];
}

export interface Refusal {
  /** What the specification has against the accepted set; empty when the device refuses for a reason of its own. */
  readonly broken: readonly BrokenRule[];
  /** Of what was accepted, the features without which the device agrees to the rest; found by trying. */
  readonly without: readonly string[];
}

export interface Negotiated {
  readonly offered: readonly string[];
  readonly accepted: readonly string[];
  /** `driver_feature` as it reads back, where that is something else. */
  readonly readBack?: readonly string[];
  readonly steps: readonly Step[];
  readonly refusal?: Refusal;
  /** Rules that the accepted set breaks though the device agreed to it. */
  readonly tolerated: readonly BrokenRule[];
}

/** Entries of the queues that are set up, where the device allows it: enough to see that they can be enabled. */
const queueSize = 16;

/** Goes through the initialisation with what `choose` accepts, as far as the device goes along, and leaves it there. */
export async function negotiateStepByStep(
  transport: ModernTransport,
  choose: (offered: bigint) => bigint,
): Promise<Negotiated> {
  const steps: Step[] = [];
  const note = async (step: string): Promise<number> => {
    const value = await transport.readStatus();
    steps.push({ step, status: value, bits: statusBits(value) });
    return value;
  };
  await reset(transport);
  await note('reset');
  await addStatus(transport, status.acknowledge);
  await note('ACKNOWLEDGE');
  await addStatus(transport, status.driver);
  await note('DRIVER');
  const offered = await transport.offered();
  const accepted = choose(offered);
  await transport.accept(accepted);
  await note('features accepted');
  const readBack = await transport.accepted();
  await addStatus(transport, status.featuresOk);
  const agreed = ((await note('FEATURES_OK')) & status.featuresOk) !== 0;
  const broken = brokenRules(accepted, offered);
  const found = {
    offered: namesOf(offered),
    accepted: namesOf(accepted),
    ...(readBack !== accepted && { readBack: namesOf(readBack) }),
    steps,
  };
  if (!agreed) {
    const refusal = { broken, without: namesOf(await refusedOf(transport, accepted)) };
    return { ...found, refusal, tolerated: [] };
  }
  const queues = await transport.queueCount();
  for (let index = 0; index < queues; index++) {
    const most = await transport.queueSize(index);
    if (most > 0) await setUpQueue(transport, accepted, index, { size: Math.min(most, queueSize) });
  }
  await note(`${queues} queues enabled`);
  await addStatus(transport, status.driverOk);
  await note('DRIVER_OK');
  return { ...found, tolerated: broken };
}

/** Whether the device agrees to these features: everything up to FEATURES_OK. */
export async function agrees(transport: ModernTransport, accepted: bigint): Promise<boolean> {
  await reset(transport);
  await addStatus(transport, status.acknowledge);
  await addStatus(transport, status.driver);
  await transport.accept(accepted);
  return ((await addStatus(transport, status.featuresOk)) & status.featuresOk) !== 0;
}

/** Adds one feature after the other to none, as long as the device agrees, and answers those that it never takes. */
async function refusedOf(transport: ModernTransport, accepted: bigint): Promise<bigint> {
  let agreed = accepted & features('VIRTIO_F_VERSION_1');
  let left = bitsOf(accepted & ~agreed);
  for (let before = -1; before !== left.length;) {
    before = left.length;
    const refused: number[] = [];
    for (const bit of left) {
      const more = agreed | (1n << BigInt(bit));
      if (await agrees(transport, more)) agreed = more;
      else refused.push(bit);
    }
    left = refused;
  }
  return accepted & ~agreed;
}
