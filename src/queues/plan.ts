import { newSleepWord, sharedLink, type Bell, type LinkEnd, type SleepWord } from '../fabric/index.js';
import type { DataPathSettings } from '../net/dataPath.js';
import { flowEntries } from '../net/steering.js';
import { newDoorbells } from './doorbells.js';
import { newMailbox } from './mailbox.js';

/** A card whose pairs are to be served by threads of their own. */
export interface CardWish {
  readonly settings: DataPathSettings;
  /** Guest memory. */
  readonly memory: SharedArrayBuffer;
  /** The thread that serves each pair, by pair; pairs take turns when left out. */
  readonly servers?: readonly number[] | undefined;
  /** The index of the card that it is joined with, pair to pair; what it sends goes to the control thread when left out. */
  readonly joined?: number | undefined;
}

/** What every thread knows of a card. */
export interface CardPlan {
  readonly settings: DataPathSettings;
  readonly memory: SharedArrayBuffer;
  readonly servers: readonly number[];
  readonly joined: number | undefined;
  readonly flows: SharedArrayBuffer;
  readonly doorbells: SharedArrayBuffer;
}

/** A link's end without the bell, which each thread has to make itself. */
export type PlannedEnd = Omit<LinkEnd, 'bell'>;

/** Between two threads: for frames to the pairs of a card, and where one of the two is the control thread, from them too. */
export interface LinkPlan {
  readonly card: number;
  readonly threads: readonly [number, number];
  readonly ends: readonly [PlannedEnd, PlannedEnd];
}

/** All that threads share; it can be sent to each of them. */
export interface QueuePlan {
  /** Threads that serve queues, from 0; the control thread has the next number. */
  readonly threads: number;
  readonly asleep: readonly SleepWord[];
  readonly mailboxes: readonly SharedArrayBuffer[];
  readonly cards: readonly CardPlan[];
  readonly links: readonly LinkPlan[];
}

/** Of each ring between two threads, in bytes: that of 64 KiB frames that a queue may have on their way. */
const ringBytes = 1 << 20;

/** The bell of a thread that never sleeps in an event loop: whoever sends to it finds it awake, or waiting at its word. */
export function noBell(): Bell {
  return { postMessage: () => undefined, onmessage: null, close: () => undefined };
}

/**
 * @param threads that serve queues, at least 1
 * @throws RangeError for a thread or a card that there is not
 */
export function planQueues(threads: number, wishes: readonly CardWish[]): QueuePlan {
  if (!Number.isInteger(threads) || threads < 1) throw new RangeError(`${threads} threads can serve no queues`);
  const asleep = Array.from({ length: threads + 1 }, newSleepWord);
  const cards = wishes.map((wish, index) => planCard(wish, index, threads, wishes));
  const links = cards.flatMap(({ settings }, card) => {
    const pairs = Array.from({ length: threads }, (_, a) =>
      Array.from({ length: threads - a }, (_, i): [number, number] => [a, a + 1 + i]),
    ).flat();
    return pairs.map(([a, b]) => planLink(card, [a, b], settings.queuePairs, asleep));
  });
  return { threads, asleep, mailboxes: Array.from({ length: threads }, newMailbox), cards, links };
}

function planCard(wish: CardWish, index: number, threads: number, all: readonly CardWish[]): CardPlan {
  const { settings, memory, joined } = wish;
  const servers = wish.servers ?? Array.from({ length: settings.queuePairs }, (_, pair) => pair % threads);
  if (servers.length !== settings.queuePairs || servers.some((server) => !(server >= 0 && server < threads))) {
    throw new RangeError(`servers is [${servers.join(', ')}]; it must name one of ${threads} threads for each pair`);
  }
  if (joined !== undefined && (joined === index || all.at(joined)?.joined !== index)) {
    throw new RangeError(`card ${index} is joined with card ${joined}, which is not joined with it`);
  }
  const flows = new SharedArrayBuffer(Uint16Array.BYTES_PER_ELEMENT * flowEntries);
  return { settings, memory, servers, joined, flows, doorbells: newDoorbells(2 * settings.queuePairs) };
}

function planLink(
  card: number,
  threads: readonly [number, number],
  lanes: number,
  asleep: readonly SleepWord[],
): LinkPlan {
  const words = [asleep[threads[0]], asleep[threads[1]]] as const;
  const [a, b] = sharedLink({ lanes, ringBytes }, words, [noBell(), noBell()]);
  return { card, threads, ends: [withoutBell(a), withoutBell(b)] };
}

function withoutBell({ memory, lanes, ringBytes: bytes, side, asleep, otherAsleep }: LinkEnd): PlannedEnd {
  return { memory, lanes, ringBytes: bytes, side, asleep, otherAsleep };
}
