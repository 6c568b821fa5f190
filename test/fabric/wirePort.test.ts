import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Switch, WirePort, type Wire, type WireLimits } from '../../src/fabric/index.js';
import { Reconnect } from '../../src/fabric/wire/reconnect.js';
import { StreamFormatError, StreamFrames } from '../../src/fabric/wire/streamFrames.js';
import type { Frame } from '../../src/net/link/frame.js';
import { connect, Sent } from '../../src/net/link/port.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { bytesOf, frameOf, sequenceOf, TestCard } from './card.js';
import { expectBalance } from './totals.js';
import { noProperties } from '../support/noProperties.js';

/** A wire that takes as much as a test lets it. */
class TestWire implements Wire {
  room = Infinity;
  flushes = 0;
  paused = false;
  readonly sent: Uint8Array[] = [];

  write(frame: Frame): boolean {
    if (this.room === 0) return false;
    this.room--;
    this.sent.push(frame.toBytes());
    return true;
  }

  flush(): void {
    this.flushes++;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}

/** A wire on a switch with two cards, 1 and 2; stations behind the wire are 8 and 9. */
function scene(limits: Partial<WireLimits> = {}) {
  const clock = new ManualClock();
  const fabric = new Switch({ clock, backlogFrames: 2 });
  const port = new WirePort('wire', limits);
  connect(port, fabric.addPort('wire'));
  const cards = [1, 2].map((station) => new TestCard(station).plugInto(fabric.addPort(`card ${station}`)));
  const wire = new TestWire();
  port.open(wire);
  // Everybody is known to the switch.
  for (const card of cards) card.burst([bytesOf(card.station, card.station)]);
  port.receive(bytesOf(8, 8));
  port.endOfBurst();
  const learnt = port.counters().inFrames;
  return { clock, fabric, port, wire, one: cards[0], two: cards[1], learnt };
}

describe('a port to a wire', () => {
  it('carries frames both ways, and ends bursts', () => {
    const { port, wire, one, fabric, learnt } = scene();
    const sent = [1, 2, 3].map((n) => bytesOf(8, 1, n));
    one.burst(sent);
    expect(wire.sent).toEqual(sent);
    expect(wire.flushes).toBe(1);
    const flushes = one.flushes;
    const back = [4, 5].map((n) => bytesOf(1, 8, n));
    const both = new Uint8Array([...back[0], ...back[1]]);
    port.receive(both, 0, back[0].length);
    port.receive(both, back[0].length);
    both.fill(0);
    port.endOfBurst();
    expect(one.received.map(({ bytes }) => bytes)).toEqual(back);
    expect(one.flushes).toBe(flushes + 1);
    expect(port.counters()).toMatchObject({ inFrames: learnt + 2, outFrames: 3, outBytes: 180, dropped: noProperties });
    expectBalance(fabric.counters().ports);
  });

  it('lets frames wait in the switch while the wire is full, and loses none', () => {
    const { port, wire, one } = scene();
    wire.room = 1;
    const sent = Array.from({ length: 6 }, (_, n) => bytesOf(8, 1, n));
    expect(one.burst(sent)).toEqual([Sent.taken, Sent.taken, Sent.taken, Sent.full, Sent.full, Sent.full]);
    wire.room = 2;
    // What is full stays so until it is said that there is room.
    one.burst([]);
    expect(wire.sent).toHaveLength(1);
    port.writable();
    expect(wire.sent).toHaveLength(3);
    wire.room = Infinity;
    port.writable();
    expect(wire.sent).toEqual(sent);
    expect(one.held).toEqual([]);
    expect(port.counters().dropped).toEqual({});
  });

  it('drops and counts what is sent while nobody is at the other end', () => {
    const { port, wire, one, fabric } = scene();
    wire.room = 0;
    one.burst([1, 2, 3].map((n) => bytesOf(8, 1, n)));
    port.shut();
    expect(port.listening).toBe(false);
    expect(one.held).toEqual([]);
    one.burst([bytesOf(8, 1, 4)]);
    expect(port.counters()).toMatchObject({ connected: false, dropped: { disconnected: 4 } });
    expectBalance(fabric.counters().ports);
    const again = new TestWire();
    port.open(again);
    one.burst([bytesOf(8, 1, 5)]);
    expect(again.sent.map(sequenceOf)).toEqual([5]);
  });

  it('lets frames pass those whose receiver has no room, and keeps the order of each', () => {
    const { port, wire, one, two, fabric } = scene({ heldFrames: 100 });
    one.buffers[0] = 0;
    const order: number[] = [];
    for (let n = 0; n < 20; n++) port.receive(bytesOf(n % 2 ? 2 : 1, 8, n));
    port.endOfBurst();
    expect(two.numbers()).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    expect(one.numbers()).toEqual([]);
    // Two wait in the switch.
    expect(port.counters().waitingFrames).toBe(8);
    for (let n = 0; n < 10; n++) {
      one.give(60);
      order.push(...one.numbers().slice(order.length));
    }
    expect(order).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    expect(wire.paused).toBe(false);
    expect(port.counters()).toMatchObject({ waitingFrames: 0, dropped: noProperties });
    expectBalance(fabric.counters().ports);
  });

  it('has the wire pause while much waits, and drops what comes all the same', () => {
    const { port, wire, one } = scene({ heldFrames: 8 });
    one.buffers[0] = 0;
    for (let n = 0; n < 5; n++) port.receive(bytesOf(1, 8, n));
    expect([port.congested, wire.paused]).toEqual([false, false]);
    port.receive(bytesOf(1, 8, 5));
    expect([port.congested, wire.paused]).toEqual([true, true]);
    for (let n = 6; n < 14; n++) port.receive(bytesOf(1, 8, n));
    expect(port.counters()).toMatchObject({ waitingFrames: 8, pauses: 1, dropped: { backlogFull: 4 } });
    one.give(Infinity);
    expect([port.congested, wire.paused]).toEqual([false, false]);
    expect(one.numbers()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('bounds what waits by its bytes, too', () => {
    const { port, one } = scene({ heldBytes: 2000 });
    one.buffers[0] = 0;
    for (let n = 0; n < 6; n++) port.receive(bytesOf(1, 8, n, 0, 900));
    expect(port.counters()).toMatchObject({ waitingFrames: 2, dropped: { backlogFull: 2 } });
  });

  it('refuses frames that are too long, either way', () => {
    const { port, wire, one } = scene({ maxFrameBytes: 100 });
    const before = port.counters().inFrames;
    one.burst([bytesOf(8, 1, 1, 0, 101), bytesOf(8, 1, 2, 0, 100)]);
    port.receive(bytesOf(1, 8, 3, 0, 101));
    port.receive(bytesOf(1, 8, 4, 0, 100));
    expect(wire.sent.map(sequenceOf)).toEqual([2]);
    expect(one.numbers()).toEqual([4]);
    expect(port.counters()).toMatchObject({ inFrames: before + 1, outFrames: 1, dropped: { tooLong: 2 } });
  });

  it('drops what waits when it is taken from the switch', () => {
    const { port, wire, one } = scene({ heldFrames: 4 });
    one.buffers[0] = 0;
    for (let n = 0; n < 5; n++) port.receive(bytesOf(1, 8, n));
    expect(wire.paused).toBe(true);
    port.attach(undefined);
    expect(port.counters()).toMatchObject({ waitingFrames: 0, dropped: { unconnected: 3 } });
    expect(wire.paused).toBe(false);
    expect(port.send(frameOf(bytesOf(8, 1)))).toBe(Sent.taken);
  });
});

describe("QEMU's framing", () => {
  const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: 90 }), { maxLength: 12 });

  it('finds the frames however the stream comes, and stops while there is no room', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 40 })), fc.array(fc.boolean()), (sent, cuts, pauses) => {
        const stream = sent.flatMap((frame) => [0, 0, 0, frame.length, ...frame]);
        const received: number[][] = [];
        const receiver = {
          congested: false,
          receive(bytes: Uint8Array, start: number, length: number) {
            expect(this.congested).toBe(false);
            received.push([...bytes.subarray(start, start + length)]);
            this.congested = pauses.pop() ?? false;
          },
        };
        const found = new StreamFrames(receiver, 90);
        for (let at = 0; at < stream.length;) {
          const end = at + (cuts.pop() ?? stream.length);
          found.push(Uint8Array.from(stream.slice(at, end)));
          at = end;
        }
        while (receiver.congested) {
          receiver.congested = false;
          found.go();
        }
        expect(received).toEqual(sent.map((frame) => [...frame]));
      }),
    );
  });

  it.each([
    ['no bytes', [0, 0, 0, 0]],
    ['more than there may be', [0, 0, 0, 91]],
    ['far more', [0xff, 0xff, 0xff, 0xff]],
  ])('ends at a frame of %s', (_, bytes) => {
    const found = new StreamFrames({ congested: false, receive: () => undefined }, 90);
    expect(() => found.push(Uint8Array.from(bytes))).toThrow(StreamFormatError);
    // That is told of once.
    found.finish();
  });

  it('has all whole frames given at the end of the stream, whether there is room or not', () => {
    const received: number[] = [];
    const receiver = {
      congested: true,
      receive: (bytes: Uint8Array, start: number) => received.push(bytes[start]),
    };
    const found = new StreamFrames(receiver, 90);
    found.push(Uint8Array.from([0, 0, 0, 1, 7, 0, 0, 0, 1, 8, 0, 0, 0, 2, 9]));
    expect(received).toEqual([]);
    found.finish();
    expect(received).toEqual([7, 8]);
  });
});

describe('connecting again', () => {
  it('waits twice as long each time, up to a limit, and not after it was stopped', () => {
    const clock = new ManualClock();
    const attempts: number[] = [];
    const reconnect = new Reconnect(clock, () => attempts.push(clock.now()), { firstDelay: 100, longestDelay: 350 });
    const waits = Array.from({ length: 4 }, () => {
      const wait = reconnect.failed();
      clock.advance(wait);
      return wait;
    });
    expect(waits).toEqual([100, 200, 350, 350]);
    expect(attempts).toEqual([100, 300, 650, 1000]);
    // A connection that ends at once changes nothing, one that lasted does.
    reconnect.opened();
    expect(reconnect.failed()).toBe(350);
    clock.advance(350);
    reconnect.opened();
    clock.advance(350);
    expect(reconnect.failed()).toBe(100);
    reconnect.stop();
    clock.advance(1000);
    expect(attempts).toHaveLength(5);
    expect(reconnect.failed()).toBe(Infinity);
  });
});
