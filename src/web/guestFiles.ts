import { UserError } from '../vm/index.js';
import type { FileName } from './settings.js';

/** What each file is, for people, and where it comes from. */
const kinds: Record<FileName, { what: string; from: string }> = {
  kernel: { what: "guest's kernel", from: 'vmq guest build' },
  initrd: { what: "guest's initial RAM disk", from: 'vmq guest build' },
  bios: { what: "guest's BIOS", from: 'vmq guest build' },
  vgaBios: { what: "guest's VGA BIOS", from: 'vmq guest build' },
  wasm: { what: "emulator's WebAssembly", from: 'npm run build' },
};

/**
 * Fetches all files of a guest.
 * @throws UserError that names every file that cannot be had
 */
export async function fetchGuestFiles(
  urls: Readonly<Record<FileName, string>>,
): Promise<Record<FileName, Uint8Array<ArrayBuffer>>> {
  const names = Object.keys(urls) as FileName[];
  const fetched = await Promise.allSettled(names.map((name) => fetchFile(name, urls[name])));
  const files: Partial<Record<FileName, Uint8Array<ArrayBuffer>>> = {};
  const problems: string[] = [];
  fetched.forEach((result, index) => {
    if (result.status === 'fulfilled') files[names[index]] = result.value;
    else problems.push((result.reason as Error).message);
  });
  if (problems.length > 0) throw new UserError(problems.join('\n'));
  return files as Record<FileName, Uint8Array<ArrayBuffer>>;
}

async function fetchFile(name: FileName, url: string): Promise<Uint8Array<ArrayBuffer>> {
  const { what, from } = kinds[name];
  const problem = (reason: string): Error => {
    return new Error(`The ${what} could not be fetched from ${url}: ${reason}. The file comes from '${from}'.`);
  };
  let response: Response;
  try {
    response = await fetch(url);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
  } catch {
    throw problem('the server did not answer, or not to a page of this address');
  }
  throw problem(response.status === 404 ? 'there is no such file' : `the server answered ${response.status}`);
}
