import { afterEach, describe, expect, it, vi } from 'vitest';

import {
  connect,
  newSleepWord,
  SharedNode,
  sharedLink,
  type LinkEnd,
  type SharedPort,
} from '../../../src/fabric/index.js';
import { sleepState } from '../../../src/fabric/shared/sleeper.js';
import { bytesOf, frameOf, TestCard } from '../card.js';
import { TestBell } from './testBell.js';
import { noProperties } from '../../support/noProperties.js';

/** One of several threads that sleep in their event loops, with a link to each of the others and a card at its end. */
class Thread {
  readonly asleep = newSleepWord();
  readonly node = new SharedNode(this.asleep);
  private readonly bells: TestBell[] = [];
  private readonly ports = new Map<Thread, SharedPort>();
  private readonly cards = new Map<Thread, TestCard>();

  static join(one: Thread, other: Thread): void {
    const bells = TestBell.pair();
    const ends = sharedLink({ lanes: 2, ringBytes: 1 << 18 }, [one.asleep, other.asleep], bells);
    one.add(other, ends[0], bells[0]);
    other.add(one, ends[1], bells[1]);
  }

  to(other: Thread): SharedPort {
    return this.ports.get(other)!;
  }

  card(other: Thread): TestCard {
    return this.cards.get(other)!;
  }

  send(other: Thread, lane = 0): void {
    this.to(other).send(frameOf(bytesOf(2, 1, 0, lane), lane), lane);
  }

  /** What its event loop has for it. Answers whether there was something. */
  answer(): boolean {
    const rung = this.bells.filter((bell) => bell.rung > 0);
    for (const bell of rung) bell.answer();
    return rung.length > 0;
  }

  /** Whoever has something for it sees that it has to be woken, or it is being woken. */
  get isReachable(): boolean {
    return new Int32Array(this.asleep)[0] === sleepState.sleeping || this.bells.some(({ rung }) => rung > 0);
  }

  get open(): number {
    return this.bells.filter(({ closed }) => !closed).length;
  }

  private add(other: Thread, end: LinkEnd, bell: TestBell): void {
    const port = this.node.addPort('link', end);
    const card = new TestCard(this.cards.size, 2);
    connect(card, port);
    this.bells.push(bell);
    this.ports.set(other, port);
    this.cards.set(other, card);
  }
}

function threeThreads(): [Thread, Thread, Thread] {
  const [one, two, three] = [new Thread(), new Thread(), new Thread()];
  Thread.join(one, two);
  Thread.join(one, three);
  Thread.join(two, three);
  return [one, two, three];
}

/** Until none of their event loops has anything left. */
async function settle(...threads: Thread[]): Promise<void> {
  let any;
  do {
    await new Promise((resolve) => setImmediate(resolve));
    any = threads.map((thread) => thread.answer()).includes(true);
  } while (any);
}

/** A thread still hears of what comes from another. */
async function expectToHear(thread: Thread, from: Thread): Promise<void> {
  const card = thread.card(from);
  const before = card.received.length;
  from.send(thread);
  from.to(thread).flush();
  await settle(thread, from);
  expect(card.received.length - before).toBe(1);
}

type Access = (...args: unknown[]) => unknown;

/** Calls `at` before each access by Atomics that `work` makes; the calls' own accesses do not count. */
function between(work: () => void, at: () => void): void {
  let inside = false;
  for (const name of ['load', 'store', 'exchange', 'compareExchange'] as const) {
    const access = (Atomics as unknown as Record<typeof name, Access>)[name];
    vi.spyOn(Atomics, name).mockImplementation(((...args: unknown[]) => {
      if (!inside) {
        inside = true;
        at();
        inside = false;
      }
      return access(...args);
    }) as never);
  }
  try {
    work();
  } finally {
    vi.restoreAllMocks();
  }
}

/** Two things that threads do at once, and what is to be so afterwards. */
interface Play {
  readonly first: () => void;
  readonly second: () => void;
  readonly check: () => Promise<void>;
}

/** Plays again and again, each time with the second between another two of the accesses of the first. */
async function everySchedule(play: () => Play): Promise<void> {
  for (let at = 0; ; at++) {
    const { first, second, check } = play();
    let accesses = 0;
    between(first, () => {
      if (accesses++ === at) second();
    });
    if (accesses <= at) {
      // It had accesses to play at.
      expect(at).toBeGreaterThan(0);
      return;
    }
    await check();
  }
}

const lossesOf = (port: SharedPort): number => port.counters.dropped.unconnected ?? 0;

/** Frames that an end of a link handed on, or lost. */
const seenBy = (port: SharedPort): number => port.counters.inFrames + lossesOf(port);

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a thread hears of its other links', () => {
  it('whenever one is ended by its other end while the thread falls asleep', async () => {
    await everySchedule(() => {
      const [thread, leaving, other] = threeThreads();
      thread.node.awake();
      other.send(thread);
      other.to(thread).flush();
      return {
        first: () => thread.node.sleep(),
        second: () => leaving.node.close(),
        check: async () => {
          await settle(thread, leaving, other);
          expect(thread.node.ports).toEqual([thread.to(other)]);
          await expectToHear(thread, other);
        },
      };
    });
  });

  it('whenever it looks around while the other end of one closes', async () => {
    await everySchedule(() => {
      const [thread, leaving, other] = threeThreads();
      return {
        first: () => leaving.to(thread).close(),
        second: () => {
          // Once for what it finds, and once more as a thread does that closed something.
          thread.node.sleep();
          thread.node.sleep();
        },
        check: async () => {
          expect(thread.isReachable).toBe(true);
          await settle(thread, leaving, other);
          await expectToHear(thread, other);
        },
      };
    });
  });

  it('whenever something is sent by one that it ends itself', async () => {
    await everySchedule(() => {
      const [thread, sender, other] = threeThreads();
      return {
        first: () => thread.to(sender).close(),
        second: () => {
          sender.send(thread);
          sender.to(thread).flush();
        },
        check: async () => {
          await settle(thread, sender, other);
          await expectToHear(thread, other);
        },
      };
    });
  });

  it('when the other end of one that it ended wakes it only then', async () => {
    const [thread, sender, other] = threeThreads();
    sender.send(thread);
    thread.to(sender).close();
    await settle(thread);
    sender.to(thread).flush();
    await settle(thread, sender);
    await expectToHear(thread, other);
  });

  it('when the other end of one tells of what it sent only after it has closed', async () => {
    const [thread, sender, other] = threeThreads();
    // Else its card would flush in between.
    sender.to(thread).attach(undefined);
    sender.send(thread);
    sender.to(thread).close();
    await settle(thread);
    sender.to(thread).flush();
    await settle(thread, sender);
    await expectToHear(thread, other);
  });

  it('when it ends one that had just woken it', async () => {
    const [thread, broken, other] = threeThreads();
    broken.send(thread);
    broken.to(thread).flush();
    thread.to(broken).close();
    await settle(thread);
    await expectToHear(thread, other);
  });

  it('when it ends one to a thread that broke just before it rang', async () => {
    const [thread, broken, other] = threeThreads();
    new Int32Array(thread.asleep)[0] = sleepState.awake;
    thread.to(broken).close();
    await settle(thread);
    await expectToHear(thread, other);
  });
});

describe('a link that ends', () => {
  it('leaves no bell open, whichever end closes first, or both at once', async () => {
    await everySchedule(() => {
      const [one, two, three] = threeThreads();
      return {
        first: () => one.to(two).close(),
        second: () => two.to(one).close(),
        check: async () => {
          await settle(one, two, three);
          expect([one.open, two.open, three.open]).toEqual([1, 1, 2]);
        },
      };
    });
  });

  it('leaves no bell open where nobody is connected any more', async () => {
    const [one, two] = threeThreads();
    one.to(two).attach(undefined);
    two.to(one).close();
    await settle(one, two);
    expect([one.open, two.open]).toEqual([1, 1]);
  });

  it('hands on what was sent before, whenever that was', async () => {
    await everySchedule(() => {
      const [thread, leaving] = threeThreads();
      leaving.send(thread);
      return {
        first: () => thread.node.sleep(),
        second: () => {
          leaving.send(thread);
          leaving.node.close();
        },
        check: async () => {
          await settle(thread, leaving);
          expect(thread.card(leaving).received).toHaveLength(2);
          expect(thread.to(leaving).counters).toMatchObject({ inFrames: 2, dropped: noProperties });
        },
      };
    });
  });

  it('counts what its receiver had no room for, by lane', async () => {
    const [thread, leaving] = threeThreads();
    thread.card(leaving).buffers.fill(0);
    for (const lane of [0, 1, 0]) leaving.send(thread, lane);
    leaving.to(thread).flush();
    await settle(thread);
    leaving.node.close();
    await settle(thread, leaving);
    const { counters, lost } = thread.to(leaving);
    expect(counters).toMatchObject({ inFrames: 0, dropped: { unconnected: 3 } });
    expect(lost.lanes.map(({ dropped }) => dropped)).toEqual([{ unconnected: 2 }, { unconnected: 1 }]);
    expect(leaving.to(thread).counters.dropped).toEqual({});
  });

  it('counts each frame once that it does not hand on, whenever that was sent', async () => {
    await everySchedule(() => {
      const [thread, sender] = threeThreads();
      sender.send(thread);
      return {
        first: () => thread.to(sender).close(),
        second: () => {
          sender.send(thread);
          sender.to(thread).flush();
        },
        check: async () => {
          await settle(thread, sender);
          expect(seenBy(thread.to(sender)) + lossesOf(sender.to(thread))).toBe(2);
        },
      };
    });
  });

  it('counts each frame once where both ends close at once', async () => {
    await everySchedule(() => {
      const [one, two] = threeThreads();
      one.send(two);
      two.send(one);
      return {
        first: () => one.to(two).close(),
        second: () => {
          two.send(one);
          two.to(one).close();
        },
        check: async () => {
          await settle(one, two);
          expect(seenBy(one.to(two)) + seenBy(two.to(one))).toBe(3);
        },
      };
    });
  });

  it('counts a frame once during which it is closed', async () => {
    const [thread, sender] = threeThreads();
    const port = thread.to(sender);
    thread.card(sender).onFrame = () => port.close();
    for (let i = 0; i < 3; i++) sender.send(thread);
    sender.to(thread).flush();
    await settle(thread, sender);
    expect(port.counters).toMatchObject({ inFrames: 1, dropped: { unconnected: 2 } });
    expect(sender.to(thread).counters.dropped).toEqual({});
    expect([thread.open, sender.open]).toEqual([1, 1]);
  });
});
