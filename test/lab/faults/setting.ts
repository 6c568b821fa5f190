import {
  everythingBut,
  NetDriver,
  openModern,
  type FeatureName,
  type NetDriverOptions,
} from '../../../src/driver/index.js';
import {
  faults,
  injectFaults,
  type Condition,
  type FaultInjection,
  type InjectedFault,
} from '../../../src/lab/faults/index.js';
import { inProcess, type InProcessTarget } from '../../../src/lab/targets/inProcess.js';
import type { NetDeviceOptions } from '../../../src/net/index.js';

/** A card with a fault, and the driver of this repository. */
export interface Setting {
  readonly target: InProcessTarget;
  readonly injection: FaultInjection;
  readonly seen: InjectedFault[];
  readonly start: (options?: NetDriverOptions & { readonly except?: readonly FeatureName[] }) => Promise<NetDriver>;
  /** How often the fault happened. */
  readonly count: () => number;
}

const splitRing: readonly FeatureName[] = ['VIRTIO_F_RING_PACKED', 'VIRTIO_F_IN_ORDER'];

export function setting(fault: string, when: Condition = {}, options: Partial<NetDeviceOptions> = {}): Setting {
  const target = inProcess({ queuePairs: 1, ...options });
  const injection = injectFaults(target, [{ fault, when }], target.hardware.clock);
  const seen: InjectedFault[] = [];
  const { queues = [] } = faults.find(({ name }) => name === fault)!;
  injection.onFault.on((event) => {
    seen.push(event);
    if (event.queue === undefined || queues.some((kind) => event.queue!.startsWith(kind))) return;
    throw new Error(`${fault} happened on ${event.queue}, which is none of its queues`);
  });
  return {
    target,
    injection,
    seen,
    async start(startOptions = {}) {
      const { except = splitRing, ...driverOptions } = startOptions;
      return NetDriver.start(await openModern(target.machine), {
        accept: everythingBut(...except),
        queueSize: 16,
        ...driverOptions,
      });
    },
    count: () => injection.counts[0].count,
  };
}

/** A frame for everybody, with this number in it. */
export function frame(number: number, length = 100): Uint8Array {
  const bytes = new Uint8Array(length).fill(number);
  bytes.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  return bytes;
}

/** The numbers of the frames that the driver received by now. */
export async function received(driver: NetDriver): Promise<number[]> {
  return (await driver.receive()).map((packet) => packet.frame[14]);
}
