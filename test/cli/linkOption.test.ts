import { describe, expect, it } from 'vitest';

import { GuestNumbers } from '../../src/cli/guestNumbers.js';
import { checkLinks, guestLink, linkOf } from '../../src/cli/linkOption.js';
import { conditioned } from '../../src/cli/links.js';
import { Switch } from '../../src/fabric/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { UserError } from '../../src/vm/index.node.js';
import { broadcast, bytesOf, TestCard } from '../fabric/card.js';

describe('--link', () => {
  it('takes every condition with its units', () => {
    const text =
      'rate=10mbit,lane-rate=2.5kbit,delay=20ms,jitter=500us,loss=1%,duplicate=0.5%,reorder=100%,mtu=1400,queue=1s,seed=7';
    expect(guestLink(text)).toEqual([
      {
        guest: undefined,
        conditions: {
          ...{ rate: 1e7, laneRate: 2500, delay: 20, jitter: 0.5, loss: 0.01, duplicate: 0.005, reorder: 1 },
          ...{ mtu: 1400, queue: 1000, seed: 7 },
        },
      },
    ]);
    expect(guestLink('rate=1gbit, delay=0s')[0].conditions).toEqual({ rate: 1e9, delay: 0 });
    expect(guestLink('lane-rate=1mbit,queue=5ms')[0].conditions).toEqual({ laneRate: 1e6, queue: 5 });
  });

  it('takes what is just within the limits', () => {
    const text = 'rate=1bit,delay=60s,jitter=60s,loss=100%,mtu=68,queue=60s,seed=4294967295';
    expect(guestLink(text)[0].conditions).toEqual({
      ...{ rate: 1, delay: 60_000, jitter: 60_000, loss: 1, mtu: 68, queue: 60_000, seed: 0xffffffff },
    });
  });

  it('is for all guests, and for one where it says so, in whichever order they are given', () => {
    for (const texts of [
      ['delay=1ms', '2:delay=2ms', '12:loss=3%'],
      ['12:loss=3%', '2:delay=2ms', 'delay=1ms'],
    ]) {
      const links = texts.reduce<ReturnType<typeof guestLink>>((before, text) => guestLink(text, before), []);
      expect([1, 2, 12].map((guest) => linkOf(links, guest))).toEqual([{ delay: 1 }, { delay: 2 }, { loss: 0.03 }]);
    }
    expect(linkOf(guestLink('2:delay=2ms'), 1)).toBeUndefined();
  });

  it.each([
    ['', "--link: a condition is like delay=20ms; '' is not one."],
    ['delay', "--link: a condition is like delay=20ms; 'delay' is not one."],
    ['delay=20ms,', "--link: a condition is like delay=20ms; '' is not one."],
    ['dely=20ms', "--link: no condition is called 'dely'; did you mean delay?"],
    ['constructor=1', /no condition is called 'constructor'; there are rate, lane-rate/],
    ['delay=20', "--link: delay takes a time such as 20ms (us, ms or s), at most 60s; '20' is not one."],
    ['delay=-1ms', /delay takes a time/],
    ['queue=60.1s', "--link: queue takes a time such as 20ms (us, ms or s), at most 60s; '60.1s' is not one."],
    ['rate=fast', /rate takes a rate such as 10mbit/],
    ['rate=10constructor', /rate takes a rate such as 10mbit/],
    ['rate=0mbit', /rate takes a rate such as 10mbit .*, at least 1bit; '0mbit' is not one\.$/],
    [
      'lane-rate=0bit',
      "--link: lane-rate takes a rate such as 10mbit (bit, kbit, mbit or gbit a second), at least 1bit; '0bit' is not one.",
    ],
    ['loss=1', /loss takes a chance such as 1%/],
    ['loss=101%', "--link: loss takes a chance such as 1%, from 0% to 100%; '101%' is not one."],
    ['mtu=1400.5', /mtu takes a whole number/],
    ['mtu=10', "--link: mtu takes a whole number of bytes, at least 68; '10' is not one."],
    ['seed=4294967296', /seed takes a whole number from 0 to 4294967295; '4294967296' is not one\.$/],
    ['jitter=2ms', /jitter is 2 ms; it must be at most the delay, which is 0 ms/],
    ['reorder=1%', /reorder needs a delay/],
    [
      'queue=5ms,delay=1ms',
      "--link 'queue=5ms,delay=1ms': queue needs a rate, as it limits what waits for its turn at that.",
    ],
    ['delay=1ms,delay=2ms', '--link: delay is there twice.'],
  ])('refuses %j', (text, message) => {
    expect(() => guestLink(text)).toThrow(UserError);
    expect(() => guestLink(text)).toThrow(message);
  });

  it('refuses a second word on the same links, and guests that there are not', () => {
    expect(() => guestLink('2:loss=1%', guestLink('2:delay=1ms'))).toThrow(/guest 2 were given already/);
    expect(() => guestLink('loss=1%', guestLink('delay=1ms'))).toThrow(/all links were given already/);
    expect(() => checkLinks(guestLink('3:delay=1ms'), new GuestNumbers(2))).toThrow(
      '--link is for guest 3, but the guests are 1 to 2; --guests makes more.',
    );
    expect(() => checkLinks(guestLink('0:delay=1ms'), new GuestNumbers(1))).toThrow(
      '--link is for guest 0, but there is only guest 1; guests have numbers from 1 to 254.',
    );
    checkLinks(guestLink('2:delay=1ms'), new GuestNumbers(2));
  });
});

describe('a backend with conditions', () => {
  it("has them on the links that have any, and their losses among the port's", () => {
    const fabric = new Switch({ clock: new ManualClock() });
    const backend = conditioned({
      addPort: (name) => fabric.addPort(name),
      removePort: (port) => fabric.removePort(port),
      close: () => fabric.close(),
    });
    const plain = backend.addPort('guest 1', { mac: '', conditions: undefined });
    const lossy = backend.addPort('guest 2', { mac: '', conditions: { loss: 1 } });
    const [a, b] = [plain, lossy].map((port, i) => new TestCard(i + 1).plugInto(port));
    a.transmit(bytesOf(broadcast, 1));
    b.transmit(bytesOf(1, 2));
    expect([a, b].map(({ received }) => received.length)).toEqual([0, 0]);
    expect(plain.counters().lanes.map(({ dropped }) => dropped)).toEqual([{}]);
    expect(lossy.counters().lanes.map(({ dropped }) => dropped)).toEqual([{ linkLoss: 2 }]);
    backend.removePort(lossy);
    backend.removePort(plain);
    expect(fabric.counters().ports).toEqual([]);
    expect([a, b].map(({ peer }) => peer)).toEqual([undefined, undefined]);
  });
});
