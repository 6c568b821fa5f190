import { defaultMemoryMiB, UserError } from '../vm/index.js';

/** Where the page gets what a guest starts from; addresses are relative to the page. */
export const defaultUrls = {
  kernel: 'guest/vmlinuz',
  initrd: 'guest/initrd',
  bios: 'guest/bios.bin',
  vgaBios: 'guest/vgabios.bin',
  wasm: 'v86.wasm',
} as const;

export type FileName = keyof typeof defaultUrls;

export interface Settings {
  readonly urls: Readonly<Record<FileName, string>>;
  /** How many guests. */
  readonly guests: number;
  /** The first guest's number; it is the last byte of its addresses. */
  readonly first: number;
  /** Size of guest memory in MiB. */
  readonly memory: number;
  /** Queue pairs of each card, 1 to 256. */
  readonly queues: number;
  /** Whether each guest gets a worker of its own, where that can be. */
  readonly workers: boolean;
  /** Numbers of the inbrowser networks that the page joins as it starts. */
  readonly broadcast: readonly string[];
  /** URLs of the WebSocket relays likewise. */
  readonly relay: readonly string[];
}

/** What the page's form can set, with what stands there when nothing is asked for. */
export const defaults = {
  guests: '2',
  first: '1',
  queues: '4',
  memory: String(defaultMemoryMiB),
  workers: '1',
} as const;

const lastNumber = 254;

/**
 * What the page's address asks for: `?queues=8&memory=512&kernel=other/vmlinuz`. Other numbers are checked where they are
 * used.
 * @throws UserError for numbers that guests can't have
 */
export function readSettings(query: URLSearchParams): Settings {
  const text = (name: keyof typeof defaults): string => query.get(name) ?? defaults[name];
  const urls = Object.fromEntries(Object.entries(defaultUrls).map(([name, url]) => [name, query.get(name) ?? url]));
  const [guests, first] = [Number(text('guests')), Number(text('first'))];
  if (!(Number.isInteger(guests) && Number.isInteger(first) && guests >= 1 && first >= 1)) {
    throw new UserError('The number of guests and that of the first guest are whole numbers of 1 or more.');
  }
  if (first + guests - 1 > lastNumber) throw new UserError(`Guests have numbers from 1 to ${lastNumber}.`);
  if (!/^[01]$/.test(text('workers'))) throw new UserError('workers is 1 for guests in workers, 0 for one thread.');
  return {
    urls: urls as Record<FileName, string>,
    ...{ guests, first, memory: Number(text('memory')), queues: Number(text('queues')) },
    workers: text('workers') === '1',
    broadcast: query.getAll('broadcast'),
    relay: query.getAll('relay'),
  };
}
