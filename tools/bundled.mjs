// Bundles programs of the tools from the sources as they are now.
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Bundles `entryPoints` (by name: a file, from the root) into `folder` of dist, and runs the one called `main` with the
 * command's arguments; its answer is the exit status.
 */
export async function runBundled(folder, entryPoints) {
  const outdir = `${root}dist/${folder}`;
  await build({
    absWorkingDir: root,
    entryPoints,
    outdir,
    bundle: true,
    format: 'esm',
    target: 'es2023',
    platform: 'node',
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
  });
  const { main } = await import(pathToFileURL(`${outdir}/main.js`).href);
  process.exitCode = await main(process.argv.slice(2));
}
