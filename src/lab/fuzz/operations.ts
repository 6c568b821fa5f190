import { Sent, gsoType } from '../../net/index.js';
import * as layout from '../../pci/layout.js';
import type { AccessWidth } from '../../virtio/registers.js';
import type { Arguments } from './arguments.js';
import { commandBytesOf } from './commands.js';
import { destinations, frameKinds, makeFrame, type FrameWish } from './frames.js';
import { zones } from './memory.js';
import { flag, mostQueues, type Element } from './rings.js';
import { commandAll, fill, headerBytes, notify, placeQueue, queueBuffers, start, startLegacy } from './start.js';
import type { Subject } from './subject.js';

type Operation = (subject: Subject, args: Arguments) => void;

const widths: readonly AccessWidth[] = [1, 2, 4];

/** Where accesses to the memory BAR begin: at each of its structures, and between them. */
const structures = [
  ...[layout.commonOffset, layout.isrOffset, layout.deviceOffset, layout.notifyOffset],
  ...[layout.msixTableOffset, layout.msixPendingOffset, 0x3000, layout.barBytes - 8],
];

/** Registers of the common configuration that hold a ring's place. */
const ringRegisters = { first: 32, end: 56 } as const;

/** Features that make a difference to how a driver is worked with; it does without those whose bit is set. */
const optional = [34, 35, 29, 28, 15, 22, 60, 57, 0, 1, 53, 38, 65, 67, 40, 17].map((bit) => 1n << BigInt(bit));

const payloads = [0, 1, 18, 46, 100, 500, 1000, 1460, 1486, 1500, 3000, 9000, 20000];
const lengths = [0, 1, 2, 10, 12, 14, 20, 24, 60, 100, 128, 256, 1500, 1792, 4096, 0xffff];

/** Everything that can happen to a card. */
export const operations: Readonly<Record<string, Operation>> = {
  readConfig: (subject, args) => {
    subject.readConfig(args.byte(), args.pick(widths));
  },
  writeConfig: (subject, args) => {
    const [offset, width] = [args.byte(), args.pick(widths)];
    // Through the window the device can be told anything, rings included.
    subject.memory.allowAll();
    subject.function.config.write(offset, width, args.long());
  },
  readBar: (subject, args) => {
    const bar = args.below(2);
    subject.read(bar, args.pick(structures) + (args.word() & 0x3ff), args.pick(widths));
  },
  writeBar: (subject, args) => {
    const bar = args.below(2);
    const offset = args.pick(structures) + args.byte();
    if (bar !== subject.memoryBar || (offset < ringRegisters.end && offset + 4 > ringRegisters.first)) {
      subject.memory.allowAll();
    }
    subject.write(bar, offset, args.pick(widths), args.byte() | (args.byte() << 8) | (args.byte() << 24));
  },
  start: (subject, args) => {
    start(subject, startWish(args));
  },
  startLegacy: (subject, args) => {
    if (subject.device.transitional) startLegacy(subject, startWish(args));
  },
  status: (subject, args) => subject.setCommon(20, 1, args.byte()),
  resetFunction: (subject) => {
    subject.function.reset();
    subject.function.config.write(4, 2, commandAll);
  },
  command: (subject, args) => subject.function.config.write(4, 2, args.byte() & commandAll),
  resetQueue: (subject, args) => {
    const queue = queueOf(subject, args);
    subject.setCommon(22, 2, queue);
    subject.setCommon(58, 2, 1);
    if (args.below(2) === 1) return;
    placeQueue(subject, queue, 1 << (1 + args.below(7)), subject.rings[queue]?.packed ?? false);
  },
  wish: (subject, args) => subject.rings[queueOf(subject, args)]?.wish(args.below(4), args.word()),
  notify: (subject, args) => {
    const queue = args.byte();
    const offset = layout.notifyOffset + layout.notifyMultiplier * queue;
    subject.write(subject.memoryBar, offset, args.pick(widths), args.below(2) ? args.word() : queue);
  },
  fill: (subject, args) => fill(subject, queueOf(subject, args) & ~1, args.below(32)),
  buffer: (subject, args) => addBuffer(subject, args),
  jump: (subject, args) => {
    const queue = queueOf(subject, args);
    subject.rings[queue]?.jump((args.word() << 16) >> 16);
    notify(subject, queue);
  },
  poke: (subject, args) => {
    const zone = args.pick([zones.rings, zones.rings, zones.tables]);
    const at = zone.start + (args.word() % (zone.end - zone.start));
    subject.memory.put(at, [args.byte(), args.byte(), args.byte()]);
    subject.memory.allowDescribed(Math.max(zones.rings.start, at - 16), Math.min(zones.tables.end, at + 20));
  },
  send: (subject, args) => send(subject, args),
  control: (subject, args) => control(subject, args),
  deliver: (subject, args) => deliver(subject, args),
  flush: (subject) => subject.device.flush(),
  peer: (subject, args) => {
    const wasFull = subject.peerAnswers === Sent.full;
    subject.peerAnswers = args.pick([Sent.taken, Sent.full, Sent.dropped]);
    if (wasFull && subject.peerAnswers !== Sent.full) subject.device.room();
  },
  peerOffloads: (subject, args) => {
    subject.peerOffloads = args.byte() | (args.byte() << 8);
  },
  time: (subject, args) => subject.clock.advance(args.byte() * args.pick([0.01, 1, 100])),
  link: (subject, args) => subject.device.setLink(args.below(2) === 1),
  announce: (subject) => {
    subject.device.announce();
  },
  fail: (subject) => subject.device.fail('fuzzing'),
  saveAndRestore: (subject, args) => {
    const saved: unknown = JSON.parse(JSON.stringify(subject.function.save()));
    if (args.below(2) === 1) {
      const { connectedTo } = subject.device;
      connectedTo?.attach(undefined);
      subject.device.attach(undefined);
      subject.replace();
    }
    subject.function.restore(saved);
  },
};

export const operationNames = Object.keys(operations);

function startWish(args: Arguments) {
  const bits = args.word();
  const without = optional.reduce((features, feature, i) => (bits & (1 << i) ? features | feature : features), 0n);
  return { without, size: args.pick([16, 4, 8, 64, 7]), msix: args.below(4) > 0, buffers: args.below(20) };
}

function queueOf(subject: Subject, args: Arguments): number {
  return args.below(Math.min(subject.queueCount, mostQueues));
}

/** What may be wrong with a buffer, by bits. */
const twist = { address: 1, far: 2, order: 4, indirect: 8, nested: 16, unaligned: 32, both: 64, empty: 128 } as const;

/** A buffer of a few elements, as the queue wants it but for what is twisted. */
function addBuffer(subject: Subject, args: Arguments): void {
  const queue = queueOf(subject, args);
  const ring = subject.rings[queue];
  const count = 1 + args.below(5);
  const twists = args.byte();
  const writes = isReceive(subject, queue);
  const first = args.pick(lengths);
  const rest = args.pick(lengths);
  const elements = Array.from({ length: count }, (_, i): Element => {
    const last = i === count - 1;
    const isWrite = writes !== ((twists & twist.order) !== 0 && i > 0) || (queue === subject.queueCount - 1 && last);
    const base = queueBuffers(queue) + 0x200 * i;
    const address =
      twists & twist.address && last ? base * 2 ** 12 : twists & twist.far && last ? zones.rings.start : base;
    return { address, length: i === 0 ? first : rest, flags: isWrite ? flag.write : 0 };
  });
  if (!ring) return;
  if (twists & twist.indirect) {
    const at = zones.tables.start + 0x100 * queue + (twists & twist.unaligned ? 5 : 0);
    const inner = twists & twist.nested ? [...elements, { address: at, length: 16, flags: flag.indirect }] : elements;
    const table = ring.table(at, inner);
    const length = twists & twist.empty ? 0 : table.length;
    ring.add([...(twists & twist.both ? elements.slice(0, 1) : []), { ...table, length }]);
  } else {
    ring.add(elements);
  }
  if (args.below(4) > 0) notify(subject, queue);
}

function isReceive(subject: Subject, queue: number): boolean {
  return queue % 2 === 0 && queue < subject.queueCount - 1;
}

function frameWish(args: Arguments): FrameWish {
  const kinds = args.byte();
  return {
    kind: frameKinds[kinds % frameKinds.length],
    to: destinations[(kinds >>> 5) % destinations.length],
    vlan: kinds & 0x80 ? (kinds & 0x0f) + 1 : undefined,
    payload: args.pick(payloads),
    seed: args.byte(),
  };
}

/** What a driver may ask for in the header of a packet to send. */
const requests = [
  { flags: 0, gso: gsoType.none },
  { flags: 1, gso: gsoType.none },
  { flags: 1, gso: gsoType.tcp4 },
  { flags: 1, gso: gsoType.tcp6 },
  { flags: 1, gso: gsoType.udpL4 },
  { flags: 1, gso: gsoType.udp },
  { flags: 1, gso: gsoType.tcp4 | 0x80 },
  { flags: 9, gso: gsoType.tcp4 | 0x20 },
  { flags: 0xff, gso: 0xff },
] as const;

/** The driver sends a packet, with a header that fits, or nearly. */
function send(subject: Subject, args: Arguments): void {
  const pair = args.below(Math.max(1, (subject.queueCount - 1) >>> 1));
  const queue = 2 * pair + 1;
  const wish = frameWish(args);
  const { bytes, transport, transportBytes } = makeFrame(wish, macBytes(subject));
  const request = args.pick(requests);
  const segment = args.pick([1448, 0, 1, 100, 536]);
  const twists = args.byte();
  const header = new Uint8Array(headerBytes(subject.function));
  const set = (at: number, value: number): void => {
    if (at + 1 < header.length) header.set([value & 0xff, value >>> 8], at);
  };
  header[0] = request.flags;
  header[1] = request.gso;
  set(2, transport + transportBytes);
  set(4, segment);
  set(6, twists & 1 ? 0xfff0 : transport);
  set(8, twists & 2 ? 3 : transportBytes === 20 ? 16 : 6);
  set(20, 34);
  set(22, 64);
  if (twists & 4) header[twists % header.length] ^= twists;
  const address = zones.buffers.start + 0x3000;
  subject.memory.put(address, header);
  subject.memory.put(address + header.length, bytes);
  const cut = twists & 8 ? 5 : header.length;
  const total = header.length + bytes.length;
  subject.rings[queue]?.add([
    { address, length: cut, flags: 0 },
    { address: address + cut, length: total - cut, flags: 0 },
  ]);
  if ((twists & 0xf0) !== 0xf0) notify(subject, queue);
}

/** A control command, right or nearly. */
function control(subject: Subject, args: Arguments): void {
  const queue = subject.rings.findLastIndex((ring) => ring !== undefined);
  const bytes = commandBytesOf(args);
  const address = zones.buffers.start + 0x9000;
  subject.memory.put(address, bytes);
  const answer = { address: address + 0xf00, length: args.pick([1, 9, 200, 0]), flags: flag.write };
  subject.rings[queue]?.add([
    { address, length: Math.min(2, bytes.length), flags: 0 },
    { address: address + 2, length: Math.max(0, bytes.length - 2), flags: 0 },
    answer,
  ]);
  notify(subject, queue);
}

/** The other end sends frames, of which the card has to do no more than it said it can. */
function deliver(subject: Subject, args: Arguments): void {
  const wish = frameWish(args);
  const count = 1 + args.below(6);
  const { bytes, transport, transportBytes } = makeFrame(wish, macBytes(subject));
  const kinds: Readonly<Record<string, number>> = {
    tcp4: gsoType.tcp4,
    tcp6: gsoType.tcp6,
    udp4: gsoType.udpL4,
    udp6: gsoType.udpL4,
  };
  const gso = kinds[wish.kind] ?? gsoType.none;
  const asked = args.below(3);
  const checksum = asked > 0 && gso !== gsoType.none;
  const describe = {
    needsChecksum: checksum,
    ...(checksum && { checksumStart: transport, checksumOffset: transportBytes === 20 ? 16 : 6 }),
    ...(asked > 1 && checksum && { gso, gsoSize: 1000, headerLength: transport + transportBytes }),
  };
  for (let i = 0; i < count; i++) subject.deliver(bytes, describe);
  if (args.below(4) > 0) subject.device.flush();
}

function macBytes({ device }: Subject): Uint8Array {
  return Uint8Array.from(device.mac.split(':'), (byte) => parseInt(byte, 16));
}
