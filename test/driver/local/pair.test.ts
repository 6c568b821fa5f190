import { describe, expect, it } from 'vitest';

import { Loopback } from '../../../src/fabric/index.js';
import { connect } from '../../../src/net/index.js';
import {
  everythingBut,
  features,
  localPair,
  NetDriver,
  openModern,
  openLegacy,
  type FeatureName,
  type LocalPair,
  type LocalPairOptions,
} from '../../../src/driver/index.js';
import { localMachine } from '../../../src/lab/targets/immediate.js';
import { inProcess } from '../../../src/lab/targets/inProcess.js';
import { digits } from '../ram.js';
import { noProperties } from '../../support/noProperties.js';

const buffers = 0;
const always: readonly FeatureName[] = ['VIRTIO_F_IN_ORDER', 'VIRTIO_NET_F_MRG_RXBUF', 'VIRTIO_NET_F_HASH_REPORT'];

async function looped(without: readonly FeatureName[], options: LocalPairOptions = {}, shared = false) {
  const target = inProcess({ queueSize: 16, ...(shared && { memory: new SharedArrayBuffer(4 << 20) }) });
  const transport = await openModern(target.machine);
  const driver = await NetDriver.start(transport, { accept: everythingBut(...without), receive: { buffers } });
  connect(target.device, new Loopback());
  const machine = localMachine(target.hardware);
  const pair = await localPair(driver, 0, machine, options);
  const start = await transport.memory.allocate(1 << 18);
  return { target, driver, machine, pair, start, bytes: machine.memory.bytes };
}

/** Numbers that look random and are the same in each run. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** The frame that `next` found. */
function received({ receiver: { parts, count } }: LocalPair, bytes: Uint8Array): string {
  const frames = Array.from({ length: count }, (_, i) => bytes.subarray(parts[2 * i], parts[2 * i] + parts[2 * i + 1]));
  return frames.map(digits).join('');
}

const layouts = [
  { layout: 'split', leave: ['VIRTIO_F_RING_PACKED'] },
  { layout: 'packed', leave: [] },
] as const;
const events = [
  { event: 'event indices', also: [] },
  { event: 'flags', also: ['VIRTIO_F_EVENT_IDX'] },
] as const;
const ways = [
  { way: 'one part', options: {} },
  { way: 'two parts', options: { headerApart: true } },
  { way: 'tables', options: { headerApart: true, indirect: true } },
] as const;
const memories = [
  { memory: 'memory of its own', shared: false },
  { memory: 'shared memory', shared: true },
];

describe.each(layouts)('with $layout rings', ({ leave }) =>
  describe.each(events)('and $event', ({ also }) =>
    describe.each(ways)('frames in $way', ({ options }) =>
      it.each(memories)('come back as they were sent, in $memory', async ({ shared }) => {
        const { target, driver, pair, start, bytes } = await looped([...always, ...leave, ...also], options, shared);
        const { receiver, transmitter } = pair;
        const roll = dice(42);
        const slot = 2048;
        for (let burst = 0; burst < 30; burst++) {
          const sent: Uint8Array[] = [];
          for (let i = roll(9); i >= 0; i--) {
            const at = start + slot * i + 64 + roll(5);
            const length = 14 + roll(roll(1500) + 1);
            const frame = Uint8Array.from({ length }, () => roll(256));
            // Neither multicast nor a VLAN, which a filter might stop.
            frame[0] = 0x52;
            frame[12] = 0x88;
            bytes.set(frame, at);
            if (transmitter.send(at, length)) sent.push(frame);
          }
          transmitter.flush();
          for (const frame of sent) {
            expect(receiver.next()).toBe(frame.length);
            expect(received(pair, bytes)).toBe(digits(frame));
          }
          expect(receiver.next()).toBe(-1);
          expect(transmitter.reclaim()).toBe(sent.length);
          receiver.fill();
        }
        expect(target.device.counters[0]).toMatchObject({ dropped: noProperties, filtered: noProperties });
        expect(driver.features & features('VIRTIO_F_RING_PACKED')).toBe(
          leave.length > 0 ? 0n : features('VIRTIO_F_RING_PACKED'),
        );
      }),
    ),
  ),
);

it('puts a packet together that came in several buffers', async () => {
  const { pair, start, bytes } = await looped(['VIRTIO_F_IN_ORDER'], { bufferBytes: 256 });
  const frame = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) & 0xfe);
  bytes.set(frame, start + 64);
  pair.transmitter.send(start + 64, frame.length);
  pair.transmitter.flush();
  expect(pair.receiver.next()).toBe(frame.length);
  expect(pair.receiver.count).toBe(4);
  expect(received(pair, bytes)).toBe(digits(frame));
});

it('tells when the ring is full, and whose frames are done', async () => {
  const { pair, start } = await looped(always);
  const { transmitter } = pair;
  const taken = Array.from({ length: 20 }, (_, i) => transmitter.send(start + 64 * (i + 1), 60));
  expect(taken.filter(Boolean).length).toBe(16);
  expect(transmitter.take()).toBe(-1);
  transmitter.flush();
  expect(transmitter.notifications).toBe(1);
  const done: number[] = [];
  for (let at = transmitter.take(); at >= 0; at = transmitter.take()) done.push(at);
  expect(done).toEqual(Array.from({ length: 16 }, (_, i) => start + 64 * (i + 1)));
});

it('says the ring position in a notification where that was negotiated, and the index or the given data where not', async () => {
  for (const without of [[], ['VIRTIO_F_NOTIFICATION_DATA'], ['VIRTIO_F_NOTIF_CONFIG_DATA']] as const) {
    const { target, pair, start } = await looped([...always, ...without]);
    const faults: unknown[] = [];
    target.function.onFault.on((event) => faults.push(event));
    pair.transmitter.send(start + 64, 60);
    pair.transmitter.flush();
    expect(pair.transmitter.notifications).toBe(1);
    expect(pair.receiver.next()).toBe(60);
    expect(faults).toEqual([]);
  }
});

it('takes over no queues that it can not work', async () => {
  const ordered = await inProcessDriver(everythingBut());
  await expect(ordered()).rejects.toThrow('the driver accepted VIRTIO_F_IN_ORDER');
  const target = inProcess({ transitional: true });
  const driver = await NetDriver.start(await openLegacy(target.machine), { receive: { buffers } });
  await expect(localPair(driver, 0, localMachine(target.hardware))).rejects.toThrow('legacy interface');
});

async function inProcessDriver(accept: (offered: bigint) => bigint): Promise<() => Promise<LocalPair>> {
  const target = inProcess();
  const driver = await NetDriver.start(await openModern(target.machine), { accept, receive: { buffers } });
  return () => localPair(driver, 0, localMachine(target.hardware));
}
