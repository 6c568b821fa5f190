import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Capture, Switch, type CaptureOptions, type SwitchPort } from '../../src/fabric/index.js';
import { gsoType, type Frame } from '../../src/net/link/frame.js';
import { Sent } from '../../src/net/link/port.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { readBlocks, readCapture } from '../support/pcapng.js';
import { broadcast, bytesOf, frameOf, TestCard } from './card.js';
import { TestSink } from './sinks.js';

const day = 1_700_000_000_000;
const maxFrame = 65_535 + 14;

/** Cards with these buffers on a switch that knows them already, each behind a tap, and a file that has only what comes now. */
async function setUp(buffers: number[], options: Partial<CaptureOptions> = {}, lanes = 1) {
  const clock = new ManualClock();
  const sink = new TestSink();
  const fabric = new Switch({ clock, backlogFrames: 2, deadline: 1000 });
  const capture = new Capture(sink, { clock, date: day, ...options });
  const ports: SwitchPort[] = [];
  const cards = buffers.map((_, i) => {
    ports.push(fabric.addPort(`port ${i + 1}`));
    const tap = capture.tap(ports[i], i === 0 ? { mac: '52:54:00:00:00:01' } : {});
    return new TestCard(i + 1, lanes).plugInto(tap);
  });
  for (const card of cards) card.burst([bytesOf(broadcast, card.station)]);
  buffers.forEach((bytes, i) => cards[i].buffers.fill(bytes));
  await turn();
  const before = readCapture(sink.file).frames.length;
  const finish = async () => {
    await capture.close();
    const read = readCapture(sink.file);
    return { ...read, frames: read.frames.slice(before) };
  };
  return { clock, sink, fabric, capture, cards, ports, finish };
}

const about = ({ port, direction, comments }: { port: string; direction: string; comments: readonly string[] }) =>
  [port, direction, ...comments].join(' ');

describe('a capture of a switch', () => {
  it('has each port as an interface, with its name and address, and its statistics at the end', async () => {
    const { cards, finish, capture, sink } = await setUp([Infinity, Infinity]);
    cards[0].burst([bytesOf(2, 1), bytesOf(2, 1)]);
    const { ports } = await finish();
    // A greeting each, and two more.
    const statistics = { seen: 4, missed: 0, delivered: 4 };
    expect(ports).toEqual([
      {
        name: 'port 1',
        mac: '525400000001',
        snapLength: 262_144,
        statistics,
      },
      { name: 'port 2', mac: undefined, snapLength: 262_144, statistics },
    ]);
    expect(capture.counters()).toEqual(ports.map(({ name }) => ({ name, seen: 4, written: 4, missed: 0 })));
    expect(sink.closed).toBe(true);
    expect(Buffer.from(readBlocks(sink.file)[0].options.get(4)![0]).toString()).toBe('virtio-mq');
  });

  it('has a frame as it came in, then as it went out, with directions, lanes and the time of day', async () => {
    const { cards, clock, finish } = await setUp([Infinity, Infinity], {}, 2);
    clock.advance(1234.5678);
    const bytes = bytesOf(2, 1, 7, 1, 1501);
    cards[0].transmit(bytes, 1);
    const { frames } = await finish();
    expect(frames.map(about)).toEqual(['port 1 in', 'port 2 out']);
    for (const frame of frames) {
      expect(frame).toMatchObject({ length: 1501, lane: 1, missed: 0, time: day * 1000 + 1_234_567 });
      expect(Buffer.compare(frame.bytes, bytes)).toBe(0);
    }
  });

  it('keeps as much of a frame as it is told', async () => {
    const { cards, finish } = await setUp([Infinity, Infinity], { snapLength: 61 });
    const bytes = bytesOf(2, 1, 0, 0, 9000);
    cards[0].burst([bytes, bytesOf(2, 1, 1, 0, 61), bytesOf(2, 1, 2, 0, 20)]);
    const { frames, ports } = await finish();
    expect(ports[0].snapLength).toBe(61);
    expect(frames.map((frame) => [frame.bytes.length, frame.length])).toEqual([
      ...[9000, 9000].map((length) => [61, length]),
      ...[61, 61].map((length) => [61, length]),
      ...[20, 20].map((length) => [20, length]),
    ]);
    expect(Buffer.compare(frames[0].bytes, bytes.subarray(0, 61))).toBe(0);
  });

  it('has a frame that waits when it goes out, and one that was told full when it is sent again', async () => {
    const { cards, clock, finish } = await setUp([Infinity, 0]);
    cards[0].burst([0, 1, 2].map((i) => bytesOf(2, 1, i)));
    clock.advance(10);
    cards[1].give(Infinity);
    const { frames } = await finish();
    // The third is sent while those before it go out.
    expect(frames.map((frame) => `${about(frame)} ${frame.bytes[16]} ${frame.time / 1000 - day}`)).toEqual([
      'port 1 in 0 0',
      'port 1 in 1 0',
      'port 2 out 0 10',
      'port 2 out 1 10',
      'port 1 in 2 10',
      'port 2 out 2 10',
    ]);
  });

  it('says why a frame was dropped, where that happened and where it came from', async () => {
    const { cards, clock, finish, ports } = await setUp([Infinity, 0, Infinity]);
    const [sender, receiver] = cards;
    sender.transmit(new Uint8Array(13));
    sender.transmit(bytesOf(1, 1));
    sender.burst([bytesOf(2, 1), bytesOf(2, 1)]);
    for (let i = 0; i < 3; i++) sender.transmit(bytesOf(broadcast, 1));
    clock.advance(1000);
    sender.transmit(bytesOf(2, 1));
    receiver.refuses = true;
    sender.transmit(bytesOf(2, 1));
    receiver.refuses = false;
    receiver.give(Infinity);
    receiver.buffers[0] = 0;
    sender.transmit(bytesOf(2, 1));
    ports[1].attach(undefined);
    const { frames } = await finish();
    const late = 'Dropped: the receiver had no room before the deadline.';
    expect(frames.map(about)).toEqual([
      'port 1 in Dropped: the frame is shorter than an Ethernet header.',
      'port 1 in Dropped: no other port is to receive it.',
      ...['port 1 in', 'port 1 in'],
      ...['port 1 in', 'port 3 out', 'port 1 in', 'port 3 out'],
      'port 1 in',
      'port 2 out Dropped: the backlog of the receiver is full.',
      'port 3 out',
      ...new Array<string>(4).fill(`port 2 out ${late}`),
      ...[`port 1 in ${late}`, `port 2 out ${late}`],
      'port 1 in Dropped: no other port is to receive it.',
      'port 2 out Dropped: the receiver did not take it.',
      'port 1 in',
      'port 2 out Dropped: no port is connected.',
    ]);
  });

  it('says what is still to be done to a frame', async () => {
    const { cards, finish } = await setUp([Infinity, Infinity]);
    const bytes = bytesOf(2, 1, 0, 0, 3000);
    const frame = (changes: Partial<Frame>) => Object.assign(frameOf(bytes), changes);
    const partial = { needsChecksum: true, checksumStart: 34, checksumOffset: 16 };
    const { peer } = cards[0];
    peer!.send(frame(partial), 0);
    peer!.send(frame({ ...partial, gso: gsoType.tcp4, gsoSize: 1448 }), 0);
    peer!.send(frame({ ...partial, gso: gsoType.tcp6, gsoSize: 1000, tunnel: 6, tunnelChecksum: true }), 0);
    const { frames } = await finish();
    const checksum = 'Checksum not filled in yet: at byte 50, over all from byte 34 on.';
    const expected = [
      [checksum],
      ['Not segmented yet: TCP over IPv4, 1448 bytes each.', checksum],
      [
        'Not segmented yet: TCP over IPv6 in a tunnel, 1000 bytes each.',
        checksum,
        "Checksum of the tunnel's UDP not filled in yet.",
      ],
    ];
    expect(frames.map(({ comments }) => comments)).toEqual(expected.flatMap((comments) => [comments, comments]));
  });

  it('has what the receiver gets where that is segments', async () => {
    const { cards, finish } = await setUp([Infinity, Infinity]);
    cards[1].offloads = 0;
    const frame = frameOf(bytesOf(2, 1, 0, 0, 3000));
    cards[0].peer!.send(Object.assign(frame, { needsChecksum: true, checksumStart: 34, checksumOffset: 16 }), 0);
    const { frames } = await finish();
    expect(frames.map(({ comments }) => comments.length)).toEqual([1, 0]);
    expect(Buffer.compare(frames[1].bytes, cards[1].received.at(-1)!.bytes)).toBe(0);
    expect(Buffer.compare(frames[1].bytes, frames[0].bytes)).not.toBe(0);
  });

  it('parts card and port as if they were connected without it', async () => {
    const { cards, ports, fabric } = await setUp([Infinity, Infinity]);
    const tap = cards[0].peer!;
    tap.attach(undefined);
    expect(ports[0].peer).toBeUndefined();
    cards[0].plugInto(tap);
    expect(ports[0].peer).toBeDefined();
    expect(cards[0].burst([bytesOf(2, 1)])).toEqual([Sent.taken]);
    const other = new TestCard(9).plugInto(tap);
    expect(cards[0].peer).toBeUndefined();
    expect(other.burst([bytesOf(2, 9)])).toEqual([Sent.taken]);
    fabric.removePort(ports[0]);
    expect(other.peer).toBeUndefined();
    expect(cards[1].transmit(bytesOf(9, 2))).toBe(Sent.dropped);
  });
});

describe('a sink that is not quick enough', () => {
  const bufferBytes = 1 << 19;
  const burst = Array.from({ length: 20 }, (_, i) => bytesOf(2, 1, i, 0, maxFrame));

  it('holds up nobody; what it has no time for is counted, in the file too', async () => {
    const { cards, sink, capture, finish } = await setUp([Infinity, Infinity], { bufferBytes });
    sink.stuck = true;
    expect(cards[0].burst(burst)).toEqual(burst.map(() => Sent.taken));
    // Whatever is under way may be written while the other half fills.
    await turn();
    expect(cards[0].burst(burst)).toEqual(burst.map(() => Sent.taken));
    const missed = capture.counters().map((port) => port.missed);
    expect(Math.min(...missed)).toBeGreaterThan(25);
    expect(missed[0] + missed[1]).toBeLessThan(80 - 10);
    sink.release();
    await turn();
    cards[0].burst([bytesOf(2, 1)]);
    const { frames, ports } = await finish();
    expect(ports.map(({ statistics }) => statistics)).toEqual(
      missed.map((count) => ({ seen: 43, missed: count, delivered: 43 - count })),
    );
    for (const [i, { name, statistics }] of ports.entries()) {
      const own = frames.filter(({ port }) => port === name);
      expect(own.length + 2).toBe(statistics!.delivered);
      expect(own.reduce((sum, frame) => sum + frame.missed, 0)).toBe(missed[i]);
    }
    expect(capture.counters().map(({ written, missed, seen }) => seen - written - missed)).toEqual([0, 0]);
  });

  it('has a port that was tapped meanwhile described before its first frame', async () => {
    const { cards, sink, fabric, capture, finish } = await setUp([Infinity, Infinity], { bufferBytes });
    sink.stuck = true;
    cards[0].burst([bytesOf(2, 1)]);
    await turn();
    // Where there is no room for a frame of no bytes, there is none for a description.
    while (capture.counters()[0].missed === 0) cards[0].transmit(new Uint8Array(0));
    const late = new TestCard(3).plugInto(capture.tap(fabric.addPort('late')));
    sink.release();
    await turn();
    expect(readCapture(sink.file).ports).toHaveLength(2);
    late.burst([bytesOf(1, 3)]);
    const { frames, ports } = await finish();
    expect(ports.map(({ name }) => name)).toEqual(['port 1', 'port 2', 'late']);
    expect(frames.slice(-2).map(({ port, direction }) => [port, direction])).toEqual([
      ['late', 'in'],
      ['port 1', 'out'],
    ]);
  });

  it('is given up after a while when the capture ends, and all it has not got is missed', async () => {
    const { cards, sink, capture, clock } = await setUp([Infinity, Infinity]);
    sink.stuck = true;
    cards[0].burst([bytesOf(2, 1)]);
    const closing = capture.close(3000);
    await turn();
    clock.advance(2999);
    await turn();
    expect(sink.closed).toBe(false);
    clock.advance(1);
    await closing;
    expect(sink.closed).toBe(true);
    expect(capture.failure?.message).toBe('its reader did not take all of it within 3 s');
    expect(capture.counters()).toEqual([
      { name: 'port 1', seen: 3, written: 2, missed: 1 },
      { name: 'port 2', seen: 3, written: 2, missed: 1 },
    ]);
  });

  it('that fails ends the capture, and nothing else', async () => {
    const { cards, sink, capture } = await setUp([Infinity, Infinity]);
    sink.broken = new Error('the disk is full');
    cards[0].burst([bytesOf(2, 1)]);
    await turn();
    expect(capture.failure?.message).toBe('the disk is full');
    expect(cards[0].burst([bytesOf(2, 1)])).toEqual([Sent.taken]);
    expect(capture.counters()[0]).toEqual({ name: 'port 1', seen: 4, written: 2, missed: 2 });
    await capture.close();
    expect(sink.closed).toBe(true);
  });

  it('writes a burst at once, not frame by frame', async () => {
    const { cards, sink } = await setUp([Infinity, Infinity]);
    const before = sink.chunks.length;
    cards[0].burst(Array.from({ length: 100 }, (_, i) => bytesOf(2, 1, i)));
    await turn();
    expect(sink.chunks.length).toBe(before + 1);
  });

  it.each([
    [{ snapLength: 0 }, /snapLength is 0/],
    [{ snapLength: NaN }, /snapLength is NaN/],
    [{ bufferBytes: 1000 }, /bufferBytes is 1000/],
  ])('and options out of their range are refused: %o', (options, message) => {
    expect(() => new Capture(new TestSink(), { clock: new ManualClock(), ...options })).toThrow(message);
  });
});
