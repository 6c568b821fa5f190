import { describe, expect, it } from 'vitest';
import { ConditionedLink, connect, Switch } from '../../src/fabric/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { runningCard } from '../support/netDriver.js';
import { broadcast, bytesOf, TestCard } from './card.js';

const size = 100;
/** Frames of a socket that may be with the card at once, as a guest's own limits have it. */
const window = 32;
/** Frames a millisecond that the guest can send. */
const perMillisecond = 10;
const milliseconds = 300;

/** How many frames C gets of a guest with a real card that sends to it as fast as it can, and to B as well if it is told to. */
function throughput(toThrottled: boolean): { free: number; throttled: number; dropped: object } {
  const clock = new ManualClock();
  const fabric = new Switch({ clock, backlogFrames: 8 });
  const { card, driver } = runningCard({
    ...{ queueSize: 256, memory: 1 << 21, queuePairs: 1 },
    features: { VIRTIO_F_IN_ORDER: false },
  });
  connect(card, fabric.addPort('guest 1'));
  const link = new ConditionedLink(fabric.addPort('guest 2'), { rate: 80_000 }, { clock });
  const throttled = new TestCard(2).plugInto(link.port);
  const free = new TestCard(3).plugInto(fabric.addPort('guest 3'));
  for (const station of [throttled, free]) station.burst([bytesOf(broadcast, station.station)]);
  clock.advance(1000);
  throttled.received = [];
  free.received = [];
  let outstanding = 0;
  for (let now = 0; now < milliseconds; now++) {
    // What came back of the ring and did not go to C was for B.
    const before = free.received.length;
    if (toThrottled) {
      while (outstanding < window) {
        driver.queuePacket(0, bytesOf(2, 1, now, 0, size));
        outstanding++;
      }
    }
    for (let i = 0; i < perMillisecond; i++) if (!driver.queuePacket(0, bytesOf(3, 1, now, 0, size))) break;
    driver.pci.kick(1);
    clock.advance(1);
    outstanding -= driver.completed(0) - (free.received.length - before);
  }
  return { free: free.received.length, throttled: throttled.received.length, dropped: card.counters[0].dropped };
}

describe('a guest that sends to a throttled one and a free one', () => {
  it('sends to the free one as much as to it alone', () => {
    const alone = throughput(false);
    const both = throughput(true);
    expect(alone).toEqual({ free: milliseconds * perMillisecond, throttled: 0, dropped: {} });
    expect(both.free).toBeGreaterThanOrEqual(0.9 * alone.free);
    // 80 kbit/s are a frame each 10 ms.
    expect(both.throttled).toBeGreaterThanOrEqual(28);
    expect(both.throttled).toBeLessThanOrEqual(31);
    expect(both.dropped).toEqual({});
  });
});
