// Bundles the library's entry points, the command and the web page into dist, and writes the types beside them.
import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { build } from 'esbuild';
import { buildPage } from './page.mjs';

const require = createRequire(import.meta.url);
const shared = { bundle: true, format: 'esm', target: 'es2023', sourcemap: true, logLevel: 'warning', outdir: 'dist' };

await rm('dist', { recursive: true, force: true });
await Promise.all([
  build({
    ...shared,
    entryPoints: {
      index: 'src/index.ts',
      v86: 'src/hosts/v86/index.ts',
      fabric: 'src/fabric/index.ts',
      'fabric.node': 'src/fabric/index.node.ts',
      'fabric.web': 'src/fabric/index.web.ts',
      vm: 'src/vm/index.ts',
      'vm.node': 'src/vm/index.node.ts',
      'vm.web': 'src/vm/index.web.ts',
      'vm.worker': 'src/vm/worker/main.node.ts',
      'queues.node': 'src/queues/index.node.ts',
      'queues.worker': 'src/queues/main.node.ts',
      'vm.worker.web': 'src/vm/worker/main.web.ts',
      driver: 'src/driver/index.ts',
      lab: 'src/lab/index.ts',
      vmq: 'src/cli/vmq.ts',
      'vmq.worker': 'src/cli/stations/worker.ts',
    },
    // One copy of each class, whichever entry points a program imports.
    splitting: true,
    platform: 'neutral',
    packages: 'external',
    external: ['node:*'],
  }),
  buildPage({ outdir: 'dist/web' }),
]);
execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.types.json'], {
  stdio: 'inherit',
});
