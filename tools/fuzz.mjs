// Translates the sources as they are now, each file by itself so that its lines can be counted, and fuzzes the card:
// `npm run -s fuzz -- --help`.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['src/virtio', 'src/pci', 'src/net', 'src/driver', 'src/lab/fuzz', 'src/lab/faults', 'tools/fuzz'];
const entryPoints = folders.flatMap((folder) =>
  readdirSync(root + folder, { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${root}${folder}/${name}`),
);
const outdir = `${root}dist/fuzz`;
await build({
  entryPoints: [...entryPoints, `${root}src/lab/interpose.ts`, `${root}src/vm/errors.ts`],
  outdir,
  outbase: root,
  format: 'esm',
  target: 'es2023',
  platform: 'node',
  logLevel: 'warning',
});
const { main } = await import(`${outdir}/tools/fuzz/main.js`);
process.exitCode = await main(process.argv.slice(2));
