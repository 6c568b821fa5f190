import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { leastRingBytes, newSleepWord, Switch, type LinkEnd } from '../../src/fabric/index.js';
import { allDropped } from '../../src/net/index.js';
import { Sent } from '../../src/net/link/port.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { LocalMember, mesh, MeshNode, ringsFor, type Member } from '../../src/vm/worker/mesh.js';
import { broadcast, bytesOf, stationFrom, TestCard } from '../fabric/card.js';

describe('the rings between threads', () => {
  it('are one for each lane, and as large as is of use, where there are few', () => {
    expect(ringsFor(2, 4)).toEqual({ lanes: 4, ringBytes: 1 << 20 });
    expect(ringsFor(2, 1)).toEqual({ lanes: 1, ringBytes: 1 << 20 });
  });

  it.each([
    [8, 8],
    [3, 256],
    [16, 4],
    [32, 256],
  ])('of %i threads with %i lanes together have a bounded size', (members, lanes) => {
    const rings = ringsFor(members, lanes);
    expect(rings.lanes).toBeGreaterThanOrEqual(1);
    expect(rings.lanes).toBeLessThanOrEqual(lanes);
    expect(rings.ringBytes).toBeGreaterThanOrEqual(leastRingBytes);
    expect(members * (members - 1) * rings.lanes * rings.ringBytes).toBeLessThanOrEqual(1 << 28);
  });

  it('hold a frame however many threads there are', () => {
    expect(ringsFor(254, 4)).toEqual({ lanes: 1, ringBytes: leastRingBytes });
  });
});

/** Longer than anything takes that comes at all. */
const hangMs = 50_000;

/** A switch with a card. */
class Place {
  readonly fabric = new Switch({ clock: new ManualClock(), backlogFrames: 1 });
  readonly card: TestCard;

  constructor(station: number) {
    this.card = new TestCard(station).plugInto(this.fabric.addPort(`card ${station}`));
  }
}

/** A thread as a worker is one, but in this thread. */
class TestMember extends Place implements Member {
  readonly asleep = newSleepWord();
  readonly node = new MeshNode(this.asleep, this.fabric);
  /** It does nothing more. */
  fail!: () => void;
  readonly failed = new Promise<void>((resolve) => (this.fail = resolve));

  addLink(name: string, end: LinkEnd): Promise<void> {
    this.node.addLink(name, end);
    return Promise.resolve();
  }

  removeLink(name: string): Promise<void> {
    this.node.removeLink(name);
    return Promise.resolve();
  }

  get linkNames(): string[] {
    return this.node.links().map(({ name }) => name);
  }

  /** What was lost between this thread and the others, by reason. */
  get lost(): object {
    return allDropped(this.node.uplinkLosses().flatMap(({ lanes }) => lanes));
  }
}

describe('three threads that are joined', () => {
  let host: Place;
  let own: LocalMember;
  let two: TestMember;
  let three: TestMember;

  beforeEach(async () => {
    host = new Place(1);
    own = new LocalMember(host.fabric);
    [two, three] = [new TestMember(2), new TestMember(3)];
    const members: [string, Member][] = [
      ['host', own],
      ['two', two],
      ['three', three],
    ];
    await mesh(new Map(members), 2);
  });

  afterEach(async () => {
    for (const name of ['two', 'three']) await own.removeLink(name);
    for (const { node } of [two, three]) node.shared.close();
  });

  const cards = (): TestCard[] => [host.card, two.card, three.card];

  /** From whom each card has got frames since the last time, once there are so many. */
  async function senders(...counts: number[]): Promise<number[][]> {
    const all = cards();
    await expect.poll(() => all.map(({ received }) => received.length), { timeout: hangMs }).toEqual(counts);
    return all.map(({ received }) => received.splice(0).map(({ bytes }) => stationFrom(bytes)));
  }

  /** All know where all are. */
  async function introduce(): Promise<void> {
    for (const card of cards()) card.burst([bytesOf(broadcast, card.station)]);
    await senders(2, 2, 2);
  }

  it('pass frames between each two, each once', async () => {
    await introduce();
    for (const from of cards()) {
      for (const to of cards()) if (to !== from) from.burst([bytesOf(to.station, from.station)]);
    }
    const all = await senders(2, 2, 2);
    expect(all.map((stations) => stations.sort())).toEqual([
      [2, 3],
      [1, 3],
      [1, 2],
    ]);
    expect([two.linkNames, three.linkNames]).toEqual([
      ['host', 'three'],
      ['host', 'two'],
    ]);
    expect([two.lost, three.lost]).toEqual([{}, {}]);
  });

  it('go on when one of them leaves, and tell what it left behind', async () => {
    await introduce();
    two.card.buffers.fill(0);
    three.card.burst(Array.from({ length: 5 }, (_, i) => bytesOf(2, 3, i)));
    three.node.shared.close();
    await expect.poll(() => two.linkNames, { timeout: hangMs }).toEqual(['host']);
    // One waits where the card is.
    expect(two.lost).toEqual({ unconnected: 4 });
    two.card.give(1000);
    host.card.burst([bytesOf(2, 1)]);
    two.card.burst([bytesOf(1, 2)]);
    expect(await senders(1, 2, 0)).toEqual([[2], [3, 1], []]);
  });

  it('hear of each other when one leaves at the moment at which another falls asleep', async () => {
    host.card.onFrame = () => {
      three.node.shared.close();
      host.card.onFrame = undefined;
    };
    two.card.burst([bytesOf(1, 2)]);
    await expect.poll(() => host.card.received.length, { timeout: hangMs }).toBe(1);
    two.card.burst([bytesOf(1, 2)]);
    await expect.poll(() => host.card.received.length, { timeout: hangMs }).toBe(2);
  });

  it('hear of each other when one breaks that had just woken another', async () => {
    await introduce();
    three.card.burst([bytesOf(1, 3)]);
    three.fail();
    await expect.poll(() => two.linkNames, { timeout: hangMs }).toEqual(['host']);
    host.card.received = [];
    two.card.burst([bytesOf(1, 2)]);
    await expect.poll(() => host.card.numbers().length, { timeout: hangMs }).toBe(1);
  });

  it('hand on what one of them sent before it broke, and tell what it had not taken', async () => {
    await introduce();
    three.card.burst([bytesOf(2, 3)]);
    two.card.burst(Array.from({ length: 5 }, (_, i) => bytesOf(3, 2, i)));
    three.fail();
    await expect.poll(() => two.linkNames, { timeout: hangMs }).toEqual(['host']);
    expect(two.lost).toEqual({ unconnected: 5 });
    expect(two.card.received.map(({ bytes }) => stationFrom(bytes))).toEqual([3]);
  });

  it('drop and count what is too long for the links, and go on', async () => {
    await introduce();
    const answers = [1 << 20, 60].map((size) => two.card.burst([bytesOf(3, 2, 0, 0, size)]));
    expect(answers).toEqual([[Sent.dropped], [Sent.taken]]);
    expect(await senders(0, 0, 1)).toEqual([[], [], [2]]);
    expect(two.lost).toEqual({ tooLong: 1 });
  });
});
