// Bundles guests.ts from the sources as they are now, and runs it: `npm run -s bench:guests -- --help`.
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const outfile = path('../../dist/bench/guests.js');
await build({
  entryPoints: { guests: path('guests.ts'), 'vm.worker': path('../../src/vm/worker/main.node.ts') },
  outdir: path('../../dist/bench'),
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
