// Bundles faults/main.ts from the sources as they are now, and runs it: `npm run -s faults:linux -- --help`.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const outfile = fileURLToPath(new URL('../dist/faults/main.js', import.meta.url));
await build({
  entryPoints: [fileURLToPath(new URL('faults/main.ts', import.meta.url))],
  outfile,
  bundle: true,
  format: 'esm',
  target: 'es2023',
  platform: 'node',
  packages: 'external',
  sourcemap: true,
  logLevel: 'warning',
});
const { main } = await import(outfile);
process.exitCode = await main(process.argv.slice(2));
