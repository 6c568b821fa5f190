import { describe, expect, it } from 'vitest';
import { Loopback, Switch } from '../../src/fabric/index.js';
import { Frame, gsoType } from '../../src/net/link/frame.js';
import { allOffloads, offload } from '../../src/net/link/offloads.js';
import { Sent } from '../../src/net/link/port.js';
import { Segments } from '../../src/net/link/segments.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { buildPacket } from '../support/packets.js';
import { address, broadcast, bytesOf, TestCard } from './card.js';
import { expectBalance } from './totals.js';

const gsoSize = 1000;
const segmentCount = 6;
/** Frames by which the other stations make themselves known. */
const hellos = 2;

/** Six segments of TCP from station 1 to station 2, as one frame. */
function largeFrame(): Frame {
  const payload = Uint8Array.from({ length: gsoSize * (segmentCount - 1) + 1 }, (_, i) => i * 13);
  const packet = buildPacket({ version: 4, transport: 'tcp', payload });
  packet.bytes.set([...address(2), ...address(1)]);
  const frame = new Frame().start(0).add(packet.bytes, 0, packet.bytes.length);
  frame.needsChecksum = true;
  frame.checksumStart = packet.checksumStart;
  frame.checksumOffset = packet.checksumOffset;
  frame.gso = gsoType.tcp4;
  frame.gsoSize = gsoSize;
  return frame;
}

/** What a receiver with these offloads is to get of it. */
function expected(offloads: number): Uint8Array[] {
  const segments = new Segments();
  expect(segments.start(largeFrame(), offloads)).toBe(true);
  return Array.from({ length: segments.count }, () => segments.next()!.toBytes());
}

function setUp(offloads: number, buffers = Infinity) {
  const clock = new ManualClock();
  const fabric = new Switch({ clock, backlogFrames: 3, deadline: 1000 });
  const cards = [1, 2, 3].map((station) => new TestCard(station).plugInto(fabric.addPort(`port ${station}`)));
  for (const card of cards) card.burst([bytesOf(broadcast, card.station)]);
  for (const card of cards) {
    card.received = [];
    card.flushes = 0;
  }
  const [sender, receiver] = cards;
  receiver.offloads = offloads;
  receiver.buffers[0] = buffers;
  const send = (): Sent => {
    const sent = sender.peer!.send(largeFrame(), 0);
    sender.peer!.flush();
    return sent;
  };
  const got = (): Uint8Array[] => receiver.received.map(({ bytes }) => bytes);
  return { clock, fabric, cards, sender, receiver, send, got, lane: () => fabric.counters().ports[1].lanes[0] };
}

describe('a large frame on a switch', () => {
  it('goes whole to a receiver that can take it', () => {
    const { send, got, lane } = setUp(allOffloads);
    expect(send()).toBe(Sent.taken);
    expect(got()).toEqual([largeFrame().toBytes()]);
    expect(lane()).toMatchObject({ outFrames: hellos + 1, segments: 0 });
  });

  for (const [what, offloads] of [
    ['nothing', 0],
    ['checksums', offload.checksum],
    ['segments of the other IP version', offload.checksum | offload.tcp6],
  ] as const) {
    it(`goes in segments to a receiver that can take ${what}`, () => {
      const { send, got, lane, receiver, fabric } = setUp(offloads);
      expect(send()).toBe(Sent.taken);
      expect(got()).toEqual(expected(offloads));
      expect(got().length).toBe(segmentCount);
      expect(receiver.flushes).toBe(1);
      expect(lane()).toMatchObject({ outFrames: hellos + 1, segments: segmentCount });
      expectBalance(fabric.counters().ports);
    });
  }

  it('waits with the segments that found no room, and nothing overtakes it', () => {
    const { send, got, lane, receiver, sender, fabric } = setUp(0, 2500);
    expect(send()).toBe(Sent.taken);
    expect(got()).toEqual(expected(0).slice(0, 2));
    expect(lane()).toMatchObject({ outFrames: hellos, waitingFrames: 1, segments: 2 });
    sender.burst([bytesOf(2, 1, 7)]);
    receiver.give(500);
    expect(got().length).toBe(2);
    receiver.give(1200);
    expect(got()).toEqual(expected(0).slice(0, 3));
    receiver.give(Infinity);
    expect(got()).toEqual([...expected(0), bytesOf(2, 1, 7)]);
    expect(lane()).toMatchObject({ outFrames: hellos + 2, waitingFrames: 0, segments: segmentCount });
    expectBalance(fabric.counters().ports);
  });

  it('goes on in segments when the receiver can take large frames by then', () => {
    const { send, got, receiver } = setUp(0, 2500);
    send();
    receiver.offloads = allOffloads;
    receiver.give(Infinity);
    expect(got().length).toBe(segmentCount);
  });

  it('waits whole, and is cut as the receiver is when it goes on', () => {
    const { send, got, receiver } = setUp(allOffloads, 0);
    send();
    receiver.offloads = 0;
    receiver.give(Infinity);
    expect(got()).toEqual(expected(0));
  });

  it('lets a receiver who takes segment after segment have all the time it needs', () => {
    const { clock, send, got, receiver, lane } = setUp(0, 0);
    send();
    for (let i = 0; i < segmentCount; i++) {
      clock.advance(900);
      receiver.give(gsoSize + 60);
    }
    expect(got()).toEqual(expected(0));
    expect(lane().dropped).toEqual({});
  });

  it('is lost to the deadline with what is left of it, and the next one begins anew', () => {
    const { clock, send, got, receiver, lane, fabric } = setUp(0, 2500);
    send();
    clock.advance(1001);
    expect(lane()).toMatchObject({ waitingFrames: 0, dropped: { deadline: 1 } });
    receiver.received = [];
    receiver.give(Infinity);
    send();
    expect(got()).toEqual(expected(0));
    expectBalance(fabric.counters().ports);
  });

  it('is dropped with its reason where its header does not fit it', () => {
    const { sender, lane, fabric } = setUp(0);
    const frame = largeFrame();
    frame.checksumStart = 3;
    expect(sender.peer!.send(frame, 0)).toBe(Sent.dropped);
    expect(lane().dropped).toEqual({ badOffload: 1 });
    expectBalance(fabric.counters().ports);
  });

  it('is cut for each receiver of a copy as that one is', () => {
    const { cards, sender } = setUp(0);
    const frame = largeFrame();
    const bytes = frame.toBytes();
    bytes.set(address(broadcast));
    const copy = new Frame().start(0).describeAs(frame).add(bytes, 0, bytes.length);
    sender.peer!.send(copy, 0);
    expect(cards[1].received.length).toBe(segmentCount);
    expect(cards[2].received.map((received) => received.bytes)).toEqual([bytes]);
  });

  it('makes whoever sends while segments are on their way wait for the last of them', () => {
    const { send, got, receiver, cards } = setUp(0);
    let sent = false;
    receiver.onFrame = () => {
      if (!sent) cards[2].burst([bytesOf(2, 3, 1)]);
      sent = true;
    };
    send();
    expect(got()).toEqual([...expected(0), bytesOf(2, 3, 1)]);
  });
});

describe('a large frame on a loopback', () => {
  it('comes back in segments to a card that can not take it, as its buffers allow', () => {
    const loopback = new Loopback();
    const card = new TestCard(1, 1, 2500).plugInto(loopback);
    card.offloads = 0;
    card.steer = () => 0;
    expect(loopback.send(largeFrame(), 0)).toBe(Sent.taken);
    expect(card.received.length).toBe(2);
    card.give(Infinity);
    expect(card.received.map(({ bytes }) => bytes)).toEqual(expected(0));
    expectBalance([loopback.counters()]);
  });
});
