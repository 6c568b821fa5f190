import { defaultMemoryMiB } from '../vm/index.js';

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
  /** Size of guest memory in MiB. */
  readonly memory: number;
  /** Queue pairs of the card, 1 to 256. */
  readonly queues: number;
}

/** What the page's address asks for: `?queues=8&memory=512&kernel=other/vmlinuz`. Numbers are checked where they are used. */
export function readSettings(query: URLSearchParams): Settings {
  const urls = Object.fromEntries(Object.entries(defaultUrls).map(([name, url]) => [name, query.get(name) ?? url]));
  return {
    urls: urls as Record<FileName, string>,
    memory: Number(query.get('memory') ?? defaultMemoryMiB),
    queues: Number(query.get('queues') ?? 4),
  };
}
