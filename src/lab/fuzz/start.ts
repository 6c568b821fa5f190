import type { VirtioPciFunction } from '../../pci/index.js';
import * as layout from '../../pci/layout.js';
import {
  refuseFeatures,
  VIRTIO_F_IN_ORDER,
  VIRTIO_F_RING_PACKED,
  type Feature,
  type Features,
} from '../../virtio/features.js';
import { deviceStatus } from '../../virtio/status.js';
import { zones } from './memory.js';
import { flag, FuzzRing, mostQueues } from './rings.js';
import type { Subject } from './subject.js';

const { ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK } = deviceStatus;

/** Memory and I/O decoding, and bus mastering. */
export const commandAll = 7;

/** Where each queue has its buffers, and how large a receive buffer is. */
export const queueBuffers = (queue: number): number => zones.buffers.start + 0x1000 * queue;
export const receiveBytes = 0x700;

export interface StartWish {
  /** Features that the driver does without. */
  readonly without: Features;
  /** Entries of each queue, as far as the card has them. */
  readonly size: number;
  readonly msix: boolean;
  /** Receive buffers of each pair. */
  readonly buffers: number;
}

/** Brings the card up as a driver does that knows how. Answers the features. */
export function start(subject: Subject, { without, size, msix, buffers }: StartWish): Features {
  const { function: fn, device } = subject;
  fn.config.write(4, 2, commandAll);
  subject.setCommon(20, 1, 0);
  subject.setCommon(20, 1, ACKNOWLEDGE);
  subject.setCommon(20, 1, ACKNOWLEDGE | DRIVER);
  const features = acceptable(offered(subject) & ~without, device.featureTable);
  for (let word = 0; word < 4; word++) {
    subject.setCommon(8, 4, word);
    subject.setCommon(12, 4, Number((features >> BigInt(32 * word)) & 0xffffffffn));
  }
  subject.setCommon(20, 1, ACKNOWLEDGE | DRIVER | FEATURES_OK);
  if (msix) setUpMsix(subject);
  const queues = Math.min(subject.queueCount, mostQueues);
  const packed = (features & VIRTIO_F_RING_PACKED) !== 0n;
  for (let queue = 0; queue < queues; queue++) placeQueue(subject, queue, size, packed);
  subject.setCommon(20, 1, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
  for (let queue = 0; queue < queues - 1; queue += 2) fill(subject, queue, buffers);
  return features;
}

/** The same through the legacy interface. */
export function startLegacy(subject: Subject, { without, msix, buffers }: Omit<StartWish, 'size'>): void {
  const { function: fn, device } = subject;
  fn.config.write(4, 2, commandAll);
  subject.write(0, 18, 1, 0);
  if (msix) setUpMsix(subject);
  subject.write(0, 18, 1, ACKNOWLEDGE | DRIVER);
  subject.write(0, 4, 4, Number(BigInt(subject.read(0, 0, 4)) & ~without & 0xffffffffn));
  const queues = Math.min(subject.queueCount, mostQueues);
  for (let queue = 0; queue < queues; queue++) {
    const ring = new FuzzRing(subject.memory, queue, device.queueSizes[queue], false);
    subject.rings[queue] = ring;
    subject.write(0, 14, 2, queue);
    if (msix) subject.write(0, 22, 2, queue + 1);
    subject.write(0, 8, 4, ring.descriptorArea / 4096);
  }
  subject.write(0, 18, 1, ACKNOWLEDGE | DRIVER | DRIVER_OK);
  for (let queue = 0; queue < queues - 1; queue += 2) fill(subject, queue, buffers);
}

/** Gives a queue its ring, and enables it. */
export function placeQueue(subject: Subject, queue: number, wanted: number, packed: boolean): void {
  const size = Math.min(wanted, subject.device.queueSizes[queue]);
  const ring = new FuzzRing(subject.memory, queue, size, packed);
  subject.rings[queue] = ring;
  subject.setCommon(22, 2, queue);
  subject.setCommon(24, 2, size);
  subject.setCommon(26, 2, queue + 1);
  [ring.descriptorArea, ring.driverArea, ring.deviceArea].forEach((area, which) => {
    subject.setCommon(32 + 8 * which, 4, area);
    subject.setCommon(36 + 8 * which, 4, 0);
  });
  subject.setCommon(28, 2, 1);
}

/** Makes receive buffers available. */
export function fill(subject: Subject, queue: number, buffers: number): void {
  const ring = subject.rings[queue];
  for (let i = 0; i < Math.min(buffers, ring?.size ?? 0); i++) {
    const address = queueBuffers(queue) + receiveBytes * (i % 2);
    ring?.add([{ address, length: receiveBytes, flags: flag.write }]);
  }
  notify(subject, queue);
}

export function notify(subject: Subject, queue: number): void {
  subject.write(subject.memoryBar, layout.notifyOffset + layout.notifyMultiplier * queue, 2, queue);
}

/** The features as the driver reads them. */
function offered(subject: Subject): Features {
  let features = 0n;
  for (let word = 0; word < 4; word++) {
    subject.setCommon(0, 4, word);
    features |= BigInt(subject.common(4, 4)) << BigInt(32 * word);
  }
  return features;
}

/** What remains when each feature goes that lacks another. */
function acceptable(features: Features, table: readonly Feature[]): Features {
  const known = accepted.get(features);
  if (known !== undefined) return known;
  let rest = features;
  for (let refusal = refuseFeatures(rest, rest, table); refusal; refusal = refuseFeatures(rest, rest, table)) {
    rest &= ~refusal.features;
  }
  accepted.set(features, rest);
  return rest;
}

/** What `acceptable` found before: it is asked for the same again and again. */
const accepted = new Map<Features, Features>();

function setUpMsix({ function: fn }: Subject): void {
  const { config } = fn;
  fn.msix.table.write(0, 4, 0xfee00000);
  for (let vector = 0; vector < fn.msix.vectors; vector++) {
    fn.msix.table.write(16 * vector, 4, 0xfee00000);
    fn.msix.table.write(16 * vector + 12, 4, 0);
  }
  if (fn.msix.vectors > 0) config.write(0x42, 2, 0x8000);
}

/**
 * Whether a driver that does everything right can use the card, whatever was done to it before: it resets it, sends a
 * packet and receives one. Answers what failed.
 */
export function worksAfterReset(subject: Subject): string | undefined {
  const { device, memory } = subject;
  device.setLink(true);
  memory.allowAll();
  start(subject, { without: VIRTIO_F_RING_PACKED | VIRTIO_F_IN_ORDER, size: 16, msix: true, buffers: 4 });
  if ((subject.common(20, 1) & 0xcf) !== (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)) {
    return `the status is 0x${subject.common(20, 1).toString(16)} after a right start`;
  }
  const [receiver, transmitter] = subject.rings;
  const frame = new Uint8Array(100).fill(7);
  frame.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
  subject.deliver(frame);
  device.flush();
  const used = receiver?.collect() ?? [];
  if (used.length !== 1 || used[0].length < frame.length) return `of one packet ${used.length} arrived`;
  const address = queueBuffers(1);
  memory.put(address, new Uint8Array(24));
  memory.put(address + 24, frame);
  const before = subject.out[0];
  const header = headerBytes(subject.function);
  transmitter?.add([{ address: address + 24 - header, length: header + frame.length, flags: 0 }]);
  notify(subject, 1);
  if (subject.out[0] !== before + 1) return `of one packet ${subject.out[0] - before} went out`;
  return undefined;
}

/** Length of the packet header (virtio 5.1.6.1): with tunnels, with hash reports, and without. */
export function headerBytes({ negotiation: { features } }: VirtioPciFunction): number {
  if (features & ((1n << 65n) | (1n << 67n))) return 24;
  if (features & (1n << 57n)) return 20;
  return features & ((1n << 32n) | (1n << 15n)) ? 12 : 10;
}
