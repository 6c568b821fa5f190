import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

let compiled: Promise<WebAssembly.Module> | undefined;

/** v86's own WebAssembly, from the installed package; compiled at the first call. */
export function v86Module(): Promise<WebAssembly.Module> {
  compiled ??= readFile(require.resolve('v86/build/v86.wasm')).then((bytes) => WebAssembly.compile(bytes));
  return compiled;
}

/** The version of the installed v86. */
export function v86Version(): string {
  return (require('v86/package.json') as { version: string }).version;
}
