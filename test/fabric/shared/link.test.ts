import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';

import { connect, newSleepWord, Sent, SharedNode, sharedLink, Switch } from '../../../src/fabric/index.js';
import type { LinkOptions, SharedPort } from '../../../src/fabric/index.js';
import { Frame } from '../../../src/net/link/frame.js';
import { allOffloads } from '../../../src/net/link/offloads.js';
import type { Port } from '../../../src/net/link/port.js';
import { ManualClock } from '../../../src/virtio/clock.js';
import { workerScript } from '../../support/workerScript.js';
import { bytesOf, frameOf, TestCard } from '../card.js';
import { TestBell } from './testBell.js';
import { noProperties } from '../../support/noProperties.js';

/** Longer than any test may stand still. */
const hangMs = 60_000;

const small = { lanes: 2, ringBytes: 1 << 18 };

interface Side {
  node: SharedNode;
  port: SharedPort;
  bell: TestBell;
}

function twoSides(options: LinkOptions = small): [Side, Side] {
  const bells = TestBell.pair();
  const words = [newSleepWord(), newSleepWord()] as const;
  const ends = sharedLink(options, words, bells);
  return [0, 1].map((i) => {
    const node = new SharedNode(words[i]);
    return { node, port: node.addPort(`side ${i}`, ends[i]), bell: bells[i] };
  }) as [Side, Side];
}

describe('a link between two threads', () => {
  it('wakes the other end once, when it sleeps, at the end of a burst', () => {
    const [a, b] = twoSides();
    const [left, right] = [new TestCard(1, 2), new TestCard(2, 2)];
    connect(left, a.port);
    connect(right, b.port);
    for (let i = 0; i < 3; i++) a.port.send(frameOf(bytesOf(2, 1, i)), 0);
    expect(b.bell.rung).toBe(0);
    a.port.flush();
    a.port.send(frameOf(bytesOf(2, 1, 3)), 1);
    a.port.flush();
    expect(b.bell.rung).toBe(1);
    expect(a.port.counters.wakeUps).toBe(1);
    b.bell.answer();
    expect(right.received.map(({ bytes }) => bytes)).toEqual([0, 1, 2, 3].map((i) => bytesOf(2, 1, i)));
    expect(right.flushes).toBe(1);
    a.port.send(frameOf(bytesOf(2, 1, 4)), 0);
    a.port.flush();
    expect(b.bell.rung).toBe(1);
  });

  it('leaves a thread alone that is awake, which finds by itself what came', () => {
    const [a, b] = twoSides();
    const right = new TestCard(2, 2);
    connect(new TestCard(1, 2), a.port);
    connect(right, b.port);
    b.node.awake();
    a.port.send(frameOf(bytesOf(2, 1)), 0);
    a.port.flush();
    expect(b.bell.rung).toBe(0);
    expect(b.node.poll()).toBe(true);
    expect(right.received).toHaveLength(1);
    expect(b.node.poll()).toBe(false);
  });

  it('hands on before it sleeps what came at the last moment', () => {
    const [a, b] = twoSides();
    const right = new TestCard(2, 2);
    connect(right, b.port);
    b.node.awake();
    a.port.send(frameOf(bytesOf(2, 1)), 0);
    a.port.flush();
    expect(b.node.sleep()).toBe(true);
    expect(right.received).toHaveLength(1);
    expect(b.node.sleep()).toBe(false);
  });

  it('does not stand still for what came before', () => {
    const [a, b] = twoSides();
    const right = new TestCard(2, 2);
    connect(new TestCard(1, 2), a.port);
    connect(right, b.port);
    b.node.awake();
    a.port.send(frameOf(bytesOf(2, 1)), 0);
    a.port.flush();
    expect(b.node.wait(hangMs)).toBe(true);
    expect(right.received).toHaveLength(1);
    expect(b.node.wait(1)).toBe(false);
    a.port.send(frameOf(bytesOf(2, 1)), 0);
    a.port.flush();
    expect(a.port.counters.wakeUps).toBe(0);
  });

  it('looks for an answer to what was sent, before it says that it stands still', () => {
    const [a, b] = twoSides();
    const left = new TestCard(1, 2);
    connect(left, a.port);
    connect(new TestCard(2, 2), b.port);
    const looks: number[] = [];
    let time = 0;
    const clock = new ManualClock();
    clock.now = () => {
      looks.push(time);
      if (looks.length === 4) {
        b.port.send(frameOf(bytesOf(1, 2)), 0);
        b.port.flush();
      }
      return time++;
    };
    a.node.lookForAnswers(100, clock);
    a.node.awake();
    expect(a.node.wait(1)).toBe(false);
    expect(looks).toEqual([]);
    a.port.send(frameOf(bytesOf(2, 1)), 0);
    a.port.flush();
    expect(a.node.wait(hangMs)).toBe(true);
    expect([looks.length, left.received.length, b.port.counters.wakeUps]).toEqual([5, 1, 0]);
  });

  it('is full until the other end has taken half of it, and then says so, with nothing lost', () => {
    const [a, b] = twoSides();
    const left = new TestCard(1, 2);
    const right = new TestCard(2, 2, 0);
    connect(left, a.port);
    connect(right, b.port);
    const sent: Uint8Array[] = [];
    for (let i = 0; i < 40; i++) {
      const bytes = bytesOf(2, 1, i, 0, 20_000);
      left.transmit(bytes);
      sent.push(bytes);
    }
    expect(left.held.length).toBeGreaterThan(20);
    b.bell.answer();
    expect(right.received).toEqual([]);
    for (let rounds = 0; rounds < 100 && right.received.length < 40; rounds++) {
      right.give(20_000 * 2);
      b.bell.answer();
      a.bell.answer();
    }
    expect(right.received.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).toEqual(
      sent.map((bytes) => Buffer.from(bytes).toString('hex')),
    );
    expect(left.lost).toBe(0);
    expect(a.port.counters).toMatchObject({ outFrames: 40, dropped: noProperties });
    expect(a.port.counters.toldFull).toBeGreaterThan(0);
  });

  it('has lanes that never wait on each other', () => {
    const [a, b] = twoSides();
    const right = new TestCard(2, 2, 0);
    connect(new TestCard(1, 2), a.port);
    connect(right, b.port);
    right.give(1_000_000, 1);
    while (a.port.send(frameOf(bytesOf(2, 1, 0, 0, 9000), 0), 0) !== Sent.full);
    expect(a.port.send(frameOf(bytesOf(2, 1, 7, 1, 100), 1), 1)).toBe(Sent.taken);
    a.port.flush();
    b.bell.answer();
    expect(right.received.map(({ lane, bytes }) => [lane, bytes.length])).toEqual([[1, 100]]);
  });

  it('drops a frame that is longer than a ring, and goes on with others', () => {
    const [a, b] = twoSides();
    const right = new TestCard(2, 2);
    connect(new TestCard(1, 2), a.port);
    connect(right, b.port);
    const longest = small.ringBytes - 52;
    const send = (frame: Frame): Sent => {
      const sent = a.port.send(frame, 0);
      a.port.flush();
      b.bell.answer();
      return sent;
    };
    const lengths = [longest - 1, longest, longest + 1, small.ringBytes, 60];
    const { taken, dropped } = Sent;
    expect(lengths.map((length) => send(frameOf(bytesOf(2, 1, 0, 0, length))))).toEqual([
      ...[taken, taken],
      ...[dropped, dropped],
      taken,
    ]);
    // As long as a chain of descriptors may be.
    const part = new Uint8Array(1 << 20);
    const huge = new Frame().start(0);
    while (huge.length < 2 ** 32) huge.add(part, 0, part.length);
    expect(send(huge)).toBe(dropped);
    expect(huge.lost).toBe('tooLong');
    expect(send(frameOf(bytesOf(2, 1)))).toBe(taken);
    expect(right.received.map(({ bytes }) => bytes.length)).toEqual([longest - 1, longest, 60, 60]);
    expect(a.port.counters).toMatchObject({ outFrames: 4, toldFull: 0, dropped: { tooLong: 3 } });
  });

  it('ends at both ends when one of them closes', () => {
    const [a, b] = twoSides();
    const left = new TestCard(1, 2);
    connect(left, a.port);
    connect(new TestCard(2, 2, 0), b.port);
    while (a.port.send(frameOf(bytesOf(2, 1, 0, 0, 9000)), 0) !== Sent.full);
    const before = left.invitations;
    b.node.close();
    expect(a.port.listening).toBe(false);
    a.bell.answer();
    expect(left.invitations).toBeGreaterThan(before);
    expect(left.peer).toBeUndefined();
    expect(a.node.ports).toEqual([]);
    expect(a.port.send(frameOf(bytesOf(2, 1)), 0)).toBe(Sent.dropped);
    expect(a.port.counters.dropped).toEqual({ unconnected: 1 });
    b.bell.answer();
    expect([a.bell.closed, b.bell.closed]).toEqual([true, true]);
  });

  it.each([0, 257, 1.5])('can not have %d lanes', (lanes) => {
    expect(() => twoSides({ lanes, ringBytes: 1 << 18 })).toThrow(`A link has ${lanes} lanes; it must be`);
  });
});

describe('switches that are all joined with each other', () => {
  it('pass each frame once, and a broadcast once to each', () => {
    const count = 3;
    const cards = Array.from({ length: count }, (_, i) => new TestCard(i + 1, 2));
    const switches = cards.map((card) => {
      const fabric = new Switch({ clock: new ManualClock() });
      connect(card, fabric.addPort(card.name));
      return fabric;
    });
    const sides: Side[] = [];
    for (let i = 0; i < count; i++) {
      for (let j = 0; j < i; j++) {
        const pair = twoSides();
        connect(pair[0].port, switches[i].addPort(`to ${j}`, { group: 'mesh' }));
        connect(pair[1].port, switches[j].addPort(`to ${i}`, { group: 'mesh' }));
        sides.push(...pair);
      }
    }
    const settle = (): void => {
      while (sides.some(({ bell }) => bell.rung > 0)) sides.forEach(({ bell }) => bell.answer());
    };
    cards[0].burst([bytesOf(255, 1)]);
    settle();
    expect(cards.map(({ received }) => received.length)).toEqual([0, 1, 1]);
    cards[1].burst([bytesOf(1, 2)]);
    settle();
    expect(cards.map(({ received }) => received.length)).toEqual([1, 1, 1]);
  });
});

describe('a link to another thread', () => {
  let worker: Worker | undefined;
  afterEach(async () => {
    await worker?.terminate();
  });

  it('brings every frame there and back, each lane in its order, with pauses where rings are full', async () => {
    const script = await workerScript(new URL('echo.worker.ts', import.meta.url), 'echo');
    const lanes = 4;
    const words = [newSleepWord(), newSleepWord()] as const;
    const { port1, port2 } = new MessageChannel();
    const [end, other] = sharedLink({ lanes, ringBytes: 1 << 18 }, words, [port1, port2]);
    worker = new Worker(script, { workerData: { end: other, asleep: words[1] }, transferList: [port2 as never] });
    const node = new SharedNode(words[0]);
    const counter = new Counter(lanes, 600);
    connect(node.addPort('link', end), counter);
    node.sleep();
    counter.room();
    await counter.done;
    node.close();
    expect(counter.wrong).toBe(0);
    expect(counter.pauses).toBeGreaterThan(0);
  });

  it('wakes a thread that stands still', async () => {
    const script = await workerScript(new URL('echo.worker.ts', import.meta.url), 'echo');
    const words = [newSleepWord(), newSleepWord()] as const;
    const { port1, port2 } = new MessageChannel();
    const [end, other] = sharedLink(small, words, [port1, port2]);
    worker = new Worker(script, { workerData: { end: other, asleep: words[1] }, transferList: [port2 as never] });
    const node = new SharedNode(words[0]);
    const port = node.addPort('link', end);
    const card = new TestCard(1, 2);
    connect(card, port);
    const began = performance.now();
    for (let count = 1; count <= 20; count++) {
      port.send(frameOf(bytesOf(2, 1, count)), 0);
      port.flush();
      while (card.received.length < count) expect(node.wait(hangMs)).toBe(true);
    }
    expect(performance.now() - began).toBeLessThan(hangMs);
    node.close();
  });
});

/** Sends so many frames on each lane, of all sorts of lengths, and checks them when they come back. */
class Counter implements Port {
  readonly name = 'counter';
  readonly listening = true;
  readonly offloads = allOffloads;
  readonly lanes: number;
  readonly done: Promise<void>;
  wrong = 0;
  pauses = 0;
  private peer: Port | undefined;
  private readonly count: number;
  private readonly sent: number[];
  private readonly back: number[];
  private finish: () => void = () => undefined;

  constructor(lanes: number, count: number) {
    this.lanes = lanes;
    this.count = count;
    this.sent = new Array<number>(lanes).fill(0);
    this.back = new Array<number>(lanes).fill(0);
    this.done = new Promise((resolve) => (this.finish = resolve));
  }

  steer(frame: Frame): number {
    return frame.lane;
  }

  send(frame: Frame, lane: number): Sent {
    const expected = this.bytes(lane, this.back[lane]++);
    if (Buffer.compare(frame.toBytes(), expected) !== 0) this.wrong++;
    if (this.back.every((number) => number === this.count)) this.finish();
    return Sent.taken;
  }

  flush(): void {
    // Every frame is looked at when it comes.
  }

  room(): void {
    for (let lane = 0; lane < this.lanes; lane++) {
      for (; this.sent[lane] < this.count; this.sent[lane]++) {
        if (this.peer?.send(frameOf(this.bytes(lane, this.sent[lane]), lane), lane) === Sent.full) {
          this.pauses++;
          break;
        }
      }
    }
    this.peer?.flush();
  }

  attach(peer: Port | undefined): void {
    this.peer = peer;
  }

  private bytes(lane: number, number: number): Uint8Array {
    const length = 14 + ((number * 7919 + lane * 104729) % (number % 50 === 0 ? 60_000 : 1500));
    return Uint8Array.from({ length }, (_, i) => (i + 3 * number + 5 * lane) & 0xff);
  }
}
