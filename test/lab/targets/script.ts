import { describe, expect, it } from 'vitest';

import {
  addStatus,
  commands,
  DeviceError,
  everythingBut,
  features,
  has,
  headerBytes,
  negotiate,
  NetDriver,
  openModern,
  openTransport,
  reset,
  setUpQueue,
  status,
  until,
  type FeatureName,
  type NetDriverOptions,
} from '../../../src/driver/index.js';
import type { Target, WireFrame } from '../../../src/lab/targets/target.js';

/** What a card sends to, and what sends to it. */
const peer = [0x02, 0, 0, 0, 0, 0x01];

/** The address that the targets' cards have when they do not tell. */
const permanent = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

/** A way to use the card: what must be offered, what is left out, and how rings and buffers are made. */
export interface Way {
  readonly name: string;
  readonly needs: readonly FeatureName[];
  readonly except?: readonly FeatureName[];
  readonly indirect?: boolean;
  /** Lengths of the elements of each receive buffer and of each packet sent, but for the last. */
  readonly cuts?: readonly number[];
  readonly bufferBytes?: number;
  readonly interrupts?: 'msix' | 'intx';
  readonly through?: 'bars' | 'window' | 'legacy';
}

const split = ['VIRTIO_F_RING_PACKED'] as const;
const noEvents = ['VIRTIO_F_EVENT_IDX'] as const;
const noMerge = ['VIRTIO_NET_F_MRG_RXBUF'] as const;

/** All the ways that this driver knows. */
export const ways = {
  plain: {
    name: 'split, direct, one buffer a packet',
    needs: [],
    except: [...split, ...noEvents, ...noMerge, 'VIRTIO_F_INDIRECT_DESC'],
  },
  intx: { name: 'split, INTx', needs: [], except: split, interrupts: 'intx' },
  window: { name: 'split, through the configuration access capability', needs: [], except: split, through: 'window' },
  chained: { name: 'split, chains of three', needs: [], except: [...split, ...noMerge], cuts: [5, 9] },
  indirect: {
    name: 'split, indirect',
    needs: ['VIRTIO_F_INDIRECT_DESC'],
    except: [...split, ...noEvents, ...noMerge],
    indirect: true,
    cuts: [12, 100],
  },
  events: { name: 'split, event index', needs: ['VIRTIO_F_EVENT_IDX'], except: split },
  merged: {
    name: 'split, small buffers merged',
    needs: ['VIRTIO_NET_F_MRG_RXBUF'],
    except: split,
    bufferBytes: 128,
  },
  packed: {
    name: 'packed, direct',
    needs: ['VIRTIO_F_RING_PACKED'],
    except: [...noEvents, ...noMerge],
    cuts: [12],
  },
  packedEvents: { name: 'packed, event index', needs: ['VIRTIO_F_RING_PACKED', 'VIRTIO_F_EVENT_IDX'] },
  packedIndirect: {
    name: 'packed, indirect',
    needs: ['VIRTIO_F_RING_PACKED', 'VIRTIO_F_INDIRECT_DESC'],
    indirect: true,
    cuts: [12, 100],
  },
  packedMerged: {
    name: 'packed, small buffers merged',
    needs: ['VIRTIO_F_RING_PACKED', 'VIRTIO_NET_F_MRG_RXBUF'],
    bufferBytes: 128,
  },
  inOrder: {
    name: 'split, in order',
    needs: ['VIRTIO_F_IN_ORDER'],
    except: split,
    cuts: [12],
  },
  packedInOrder: { name: 'packed, in order', needs: ['VIRTIO_F_RING_PACKED', 'VIRTIO_F_IN_ORDER'], cuts: [12] },
  notificationData: {
    name: 'split, notification data',
    needs: ['VIRTIO_F_NOTIFICATION_DATA'],
    except: split,
  },
  packedNotificationData: {
    name: 'packed, notification data',
    needs: ['VIRTIO_F_RING_PACKED', 'VIRTIO_F_NOTIFICATION_DATA'],
  },
  legacy: { name: 'legacy', needs: [], through: 'legacy', except: noMerge },
  legacyIntx: { name: 'legacy, INTx', needs: [], through: 'legacy', except: noMerge, interrupts: 'intx' },
  legacyMerged: { name: 'legacy, merged', needs: ['VIRTIO_NET_F_MRG_RXBUF'], through: 'legacy' },
} as const satisfies Readonly<Record<string, Way>>;

export async function start(target: Target, way: Way, options: NetDriverOptions = {}): Promise<NetDriver> {
  const transport = await openTransport(target.machine, way.through);
  const offered = await transport.offered();
  const missing = way.needs.filter((name) => !has(offered, name));
  expect(missing, 'features that this way needs').toEqual([]);
  return NetDriver.start(transport, {
    accept: everythingBut(...(way.except ?? [])),
    queueSize: 16,
    ...(way.interrupts && { interrupts: way.interrupts }),
    receive: {
      ...(way.cuts && { cuts: way.cuts }),
      ...(way.bufferBytes && { bufferBytes: way.bufferBytes }),
      ...(way.indirect && { indirect: true }),
    },
    ...options,
  });
}

/** Frames of all sorts of lengths, each unlike any other. */
export function frames(count: number, to: readonly number[], from: readonly number[]): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const frame = Uint8Array.from({ length: 60 + ((i * 97) % 1455) }, (_, at) => (at * 7 + i) & 0xff);
    frame.set([...to, ...from, 0x88, 0xb5, i & 0xff, i >>> 8]);
    return frame;
  });
}

export function macOf(driver: NetDriver): readonly number[] {
  return [...(driver.config.mac ?? permanent)];
}

/** So many frames from the card, which may take a moment. */
export function fromCard(target: Target, count: number): Promise<WireFrame[]> {
  const taken: WireFrame[] = [];
  return until(target.machine, `${count} frames from the card`, async () => {
    taken.push(...(await target.wire.take()));
    return taken.length >= count ? taken : undefined;
  });
}

/** The same bytes in the same order; the slow comparison, which shows the difference, is only made where there is one. */
export function expectFrames(seen: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  const same = seen.length === expected.length && seen.every((bytes, i) => Buffer.compare(bytes, expected[i]) === 0);
  if (!same) expect(seen).toEqual(expected);
}

/** Enough to go round rings of 16 entries many times. */
const manyRounds = 30;
const burst = 5;

/** Sends and receives on every pair, and looks at each byte and at the interrupts. */
export async function exchange(target: Target, driver: NetDriver, way: Way, rounds = manyRounds): Promise<void> {
  const card = macOf(driver);
  const out = frames(rounds * burst, peer, card);
  const incoming = frames(rounds * burst, card, peer);
  for (let round = 0; round < rounds; round++) {
    const pair = round % driver.transmitters.length;
    const sent = out.slice(round * burst, (round + 1) * burst);
    await driver.send(pair, sent, {
      ...(way.cuts && { cuts: way.cuts }),
      ...(way.indirect && { indirect: true }),
    });
    await driver.sent(pair);
    await driver.transmitters[pair].queue.ring.wantInterrupts('always');
    expectFrames(
      (await fromCard(target, burst)).map(({ bytes }) => bytes),
      sent,
    );

    await driver.interrupts();
    const given = incoming.slice(round * burst, (round + 1) * burst);
    await target.wire.send(...given);
    const packets = await driver.packets(burst);
    expectFrames(
      packets.map(({ frame }) => frame),
      given,
    );
    expect(packets.every(({ header }) => header.flags === 0 && header.gsoType === 0)).toBe(true);
    if (driver.has('VIRTIO_NET_F_MRG_RXBUF')) {
      expect(packets.map(({ header }) => header.numBuffers)).toEqual(packets.map(({ lengths }) => lengths.length));
    }
    const { queues } = await driver.interrupts();
    expect(queues.map(({ index }) => index)).toContain(2 * packets[0].pair);
  }
}

/** Names of ways, as tests of a target. */
export type WayName = keyof typeof ways;

/** All but those of a legacy driver. */
export const modernWays = (Object.keys(ways) as WayName[]).filter((name) => {
  const way: Way = ways[name];
  return way.through !== 'legacy';
});

/**
 * The tests that every target has to pass, in the ways that it offers.
 * @param unoffered what becomes of an accepted feature that was not offered: virtio 2.2.2 wants it refused; QEMU takes it, and does nothing with it
 */
export function describeTarget(
  make: () => Promise<Target>,
  names: readonly WayName[],
  unoffered: 'refused' | 'tolerated' = 'refused',
): void {
  const using = async (work: (target: Target) => Promise<void>): Promise<void> => {
    const target = await make();
    try {
      await work(target);
    } finally {
      await target.close();
    }
  };

  it.each(names.map((name) => ways[name] as Way))('carries packets: $name', (way) =>
    using(async (target) => {
      const driver = await start(target, way);
      await exchange(target, driver, way);
      await driver.stop();
      expect(await driver.transport.readStatus()).toBe(0);
    }),
  );

  describe('step by step', () => {
    it('keeps the status bits that the driver sets, until the reset', () =>
      using(async (target) => {
        const transport = await openModern(target.machine);
        await reset(transport);
        expect(await addStatus(transport, status.acknowledge)).toBe(1);
        expect(await addStatus(transport, status.driver)).toBe(3);
        await reset(transport);
        expect(await transport.readStatus()).toBe(0);
      }));

    it(`has a feature that it does not offer ${unoffered}`, () =>
      using(async (target) => {
        const transport = await openModern(target.machine);
        const standby = features('VIRTIO_NET_F_STANDBY');
        expect((await transport.offered()) & standby).toBe(0n);
        const negotiation = negotiate(transport, (offered) => everythingBut()(offered) | standby);
        if (unoffered === 'refused') await expect(negotiation).rejects.toThrow(DeviceError);
        else expect((await negotiation) & standby).toBe(standby);
        const { featuresOk } = status;
        expect((await transport.readStatus()) & featuresOk).toBe(unoffered === 'refused' ? 0 : featuresOk);
      }));

    it('says by a size of 0 which queue it does not have', () =>
      using(async (target) => {
        const transport = await openModern(target.machine);
        const accepted = await negotiate(transport, everythingBut());
        const count = await transport.queueCount();
        await expect(setUpQueue(transport, accepted, count + 1)).rejects.toThrow('no queue');
      }));

    it('takes buffers that were made available before DRIVER_OK only afterwards', () =>
      using(async (target) => {
        const transport = await openModern(target.machine);
        const accepted = await negotiate(transport, everythingBut('VIRTIO_F_RING_PACKED'));
        const ring = await setUpQueue(transport, accepted, 1, { size: 16 });
        const [frame] = frames(1, peer, [2, 0, 0, 0, 0, 2]);
        const header = headerBytes(accepted);
        const address = await transport.memory.store(Uint8Array.of(...new Uint8Array(header), ...frame));
        const elements = [
          { address, length: header, writable: false },
          { address: address + header, length: frame.length, writable: false },
        ];
        const id = await ring.add(elements);
        await ring.publish();
        await target.machine.settle();
        expect(await ring.collect()).toEqual([]);
        await addStatus(transport, status.driverOk);
        await transport.notify(1, ring);
        const used = await until(target.machine, 'used buffer', async () => (await ring.collect()).at(0));
        expect(used.id).toBe(id);
        expect((await fromCard(target, 1))[0].bytes).toEqual(frame);
      }));

    it('takes a new address by a command', () =>
      using(async (target) => {
        const driver = await start(target, ways.plain);
        const mac = Uint8Array.of(0x52, 0x54, 0, 1, 2, 3);
        await driver.command(commands.setMacAddress(mac));
        const read = await Promise.all([0, 1, 2, 3, 4, 5].map((at) => driver.transport.readConfig(at, 1)));
        expect(read).toEqual([...mac]);
      }));
  });
}
