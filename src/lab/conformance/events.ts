import {
  commands,
  has,
  netStatus,
  readNetConfig,
  until,
  type Msix,
  type NetDriver,
  type Queue,
} from '../../driver/index.js';
import { modernOf, type Bench } from './bench.js';
import { Skipped } from './case.js';
import { macOf } from './reception.js';
import { inbound, marker, outbound } from './traffic.js';

/** Something for which a card interrupts its driver. */
export interface CardEvent {
  readonly name: string;
  /** Maps the event to an MSI-X vector. Answers what the register holds then. */
  map(driver: NetDriver, vector: number): Promise<number>;
  /** The vector that the register holds. */
  mapped(driver: NetDriver): Promise<number>;
  /** Makes it happen. Done when the driver can see that it did, otherwise than by an interrupt. */
  cause(bench: Bench, driver: NetDriver): Promise<void>;
}

function queueEvent(name: string, queueOf: (driver: NetDriver) => Queue, cause: CardEvent['cause']): CardEvent {
  return {
    name,
    map: (driver, vector) => driver.transport.setQueueVector(queueOf(driver).index, vector),
    mapped: async (driver) => {
      const transport = modernOf(driver);
      await transport.set('queueSelect', queueOf(driver).index);
      return transport.get('queueMsixVector');
    },
    cause: async (bench, driver) => {
      await queueOf(driver).ring.wantInterrupts('always');
      await cause(bench, driver);
    },
  };
}

/** A packet was sent on the first pair. */
export const transmitted = queueEvent(
  'transmission',
  ({ transmitters }) => transmitters[0].queue,
  async (_, driver) => {
    await driver.send(0, [marker(outbound(driver))]);
    await driver.sent(0);
  },
);

/** A packet came on the first pair: for a card with one pair. */
export const received = queueEvent(
  'reception',
  ({ receivers }) => receivers[0].queue,
  async (bench, driver) => {
    await bench.wire.send(marker(inbound(driver)));
    await driver.packets(1);
  },
);

/** A command was answered. */
export const commanded = queueEvent(
  'command',
  ({ control }) => {
    if (!control) throw new Skipped('the card has no control queue');
    return control.queue;
  },
  async (_, driver) => {
    await driver.control?.send(commands.setMacAddress(Uint8Array.from(macOf(driver))));
  },
);

/** The link went down, or up again. For a driver that accepted VIRTIO_NET_F_STATUS. */
export const configured: CardEvent = {
  name: 'configuration change',
  map: (driver, vector) => driver.transport.setConfigVector(vector),
  mapped: (driver) => modernOf(driver).get('configMsixVector'),
  cause: async (bench, driver) => {
    const setLink = bench.ability('setLink');
    const before = await linkIsUp(driver);
    await setLink(!before);
    await until(bench.machine, 'change of the link in the configuration', async () => {
      return (await linkIsUp(driver)) === before ? undefined : true;
    });
  },
};

export async function linkIsUp({ transport, features }: NetDriver): Promise<boolean> {
  if (!has(features, 'VIRTIO_NET_F_STATUS')) throw new Skipped('the card has no link status');
  const { status = 0 } = await readNetConfig(transport, features);
  return (status & netStatus.linkUp) !== 0;
}

/** @throws Skipped when the function has no MSI-X */
export function msixOf({ transport }: NetDriver): Msix {
  if (!transport.msix) throw new Skipped('the function has no MSI-X capability');
  return transport.msix;
}

/** Waits for a message of this vector. @throws TimeoutError when none comes */
export async function message(bench: Bench, driver: NetDriver, vector: number, of: string): Promise<void> {
  const msix = msixOf(driver);
  await until(bench.machine, `message of vector ${vector} for ${of}`, async () => {
    return (await msix.take(vector)) ? true : undefined;
  });
}

/** Waits until the function asserts its interrupt line. @throws TimeoutError when it does not */
export async function lineAsserted(bench: Bench, of: string): Promise<void> {
  await until(bench.machine, `interrupt on the line for ${of}`, async () => {
    return (await bench.machine.lineAsserted()) ? true : undefined;
  });
}
