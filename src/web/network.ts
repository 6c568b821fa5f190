import type { Switch } from '../fabric/index.js';
import {
  brokenRuleText,
  withLosses,
  type CardReport,
  type GuestProblem,
  type RunningGuest,
  type WorkerCardOptions,
} from '../vm/index.js';
import { canShareMemory, startGuests, startWorkerGuests, type Guest, type WorkerGuest } from '../vm/index.web.js';
import { guestAddress, guestMac } from '../vm/guestAddress.js';
import { fetchGuestFiles } from './guestFiles.js';
import type { Settings } from './settings.js';

/** A card, wherever its guest runs. */
export interface PageCard {
  readonly slot: number;
  report(): Promise<CardReport>;
}

export interface PageGuest {
  readonly number: number;
  readonly guest: RunningGuest;
  readonly card: PageCard;
}

/** The page's guests, with a card each. */
export interface PageNetwork {
  readonly guests: readonly PageGuest[];
  /** They have workers of their own. */
  readonly workers: boolean;
}

export interface NetworkEvents {
  /** What happens now, one sentence. */
  step(text: string): void;
  /** What a guest shows on its console. */
  text(text: string, guest: number): void;
  /** A driver broke a rule, or a card failed; the guest goes on. */
  problem(text: string): void;
}

/** Browsers may be slow, and nobody waits for this one but the person who sees it boot. */
const bootTimeoutMs = 300_000;

/** How long a frame may wait for its receiver, in milliseconds: guests are slow before their code is translated. */
export const patience = 10_000;

/** Why guests that were to have workers have none; undefined where they can. */
export function noWorkers(): string | undefined {
  if (canShareMemory()) return undefined;
  return "All guests share the page's one thread: its server does not send the headers that browsers ask for before workers may share memory (see docs/web.md).";
}

/**
 * Boots guests and plugs their cards in; each eth0 is up then.
 * @param fabric the page's own switch, whose ports reach the guests
 * @throws UserError when files are missing or the settings cannot be met
 * @throws GuestTimeout, GuestEnded when a guest does not come up
 */
export async function startNetwork(settings: Settings, fabric: Switch, events: NetworkEvents): Promise<PageNetwork> {
  const { urls, memory: memoryMiB, queues: queuePairs, guests: count, first } = settings;
  events.step("Fetching the guest's files.");
  const { wasm, ...files } = await fetchGuestFiles(urls);
  const workers = settings.workers && noWorkers() === undefined;
  const options = {
    ...{ files, wasm, memoryMiB, count, first, bootTimeoutMs },
    onText: (text: string, guest: number) => events.text(text, guest),
    onProgress: ({ step }: { step: string }) => events.step(`${step[0].toUpperCase()}${step.slice(1)}.`),
  };
  const running: (Guest | WorkerGuest)[] = workers
    ? await startWorkerGuests({ ...options, fabric, deadline: patience, lanes: Math.min(queuePairs, 256) })
    : await startGuests(options);
  try {
    events.step('The guests look for their cards.');
    const guests = await Promise.all(
      running.map(async (guest, index): Promise<PageGuest> => {
        const number = first + index;
        guest.onProblem.on((problem) => events.problem(problemText(problem, number)));
        const name = `guest ${number}`;
        const [mac, address] = [guestMac(number), `${guestAddress(number)}/24`];
        const card = { name, mac, queuePairs, address, deadline: patience };
        return { number, guest, card: await plug(guest, card, fabric) };
      }),
    );
    return { guests, workers };
  } catch (error) {
    await Promise.all(running.map((guest) => guest.stop()));
    throw error;
  }
}

type CardOptions = WorkerCardOptions & { readonly name: string; readonly address: string };

/** What the fabric dropped is among what the card dropped, wherever its guest runs. */
async function plug(guest: Guest | WorkerGuest, options: CardOptions, fabric: Switch): Promise<PageCard> {
  if (!('emulator' in guest)) return guest.addCard(options);
  const port = fabric.addPort(options.name);
  const card = await guest.addCard({ ...options, port });
  const report = async (): Promise<CardReport> => {
    const own = await card.report();
    return { ...own, lanes: withLosses(own.lanes, [port.counters()]) };
  };
  return { slot: card.slot, report };
}

function problemText({ message, fault }: GuestProblem, guest: number): string {
  if (!fault) return `In the machine of guest ${guest}: ${message}.`;
  return brokenRuleText(`guest ${guest}`, message, fault.needsReset);
}
