import { Loopback } from '../fabric/index.js';
import { pciBusOf } from '../hosts/v86/index.js';
import { Guest, type GuestCard } from '../vm/index.js';
import { fetchGuestFiles } from './guestFiles.js';
import type { Settings } from './settings.js';

/** The page's guest, with a card that receives what it sends. */
export interface Machine {
  readonly guest: Guest;
  readonly card: GuestCard;
}

export interface MachineEvents {
  /** What happens now, one sentence. */
  step(text: string): void;
  /** What the guest shows on its console. */
  text(text: string): void;
  /** A driver broke a rule, or a card failed; the guest goes on. */
  problem(text: string): void;
}

/** Browsers may be slow, and nobody waits for this one but the person who sees it boot. */
const bootTimeoutMs = 300_000;

/**
 * Boots a guest and plugs its card in; eth0 is up then.
 * @throws UserError when files are missing or the settings cannot be met
 * @throws GuestTimeout, GuestEnded when the guest does not come up
 */
export async function startMachine({ urls, memory, queues }: Settings, events: MachineEvents): Promise<Machine> {
  events.step("Fetching the guest's files.");
  const { wasm, ...files } = await fetchGuestFiles(urls);
  const module = await WebAssembly.compile(wasm);
  events.step('The guest boots, which takes half a minute.');
  const onText = (text: string): void => events.text(text);
  const guest = await Guest.create({ files, wasm: module, memoryMiB: memory, bootTimeoutMs, onText });
  try {
    pciBusOf(guest.emulator).onError.on(({ error }) => events.problem(error.message));
    events.step('The guest looks for its card.');
    const card = await guest.addCard({ queuePairs: queues, port: new Loopback(), address: '10.0.0.1/24' });
    card.function.onFault.on(({ fault }) => events.problem(fault.message));
    return { guest, card };
  } catch (error) {
    await guest.stop();
    throw error;
  }
}
