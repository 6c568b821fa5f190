// Bundles the web page: its scripts with all that they import, its static files and v86's WebAssembly, in one folder.
import { createRequire } from 'node:module';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);

/** Takes and answers what esbuild's `build` does: where to write, or not to write. */
export function buildPage(options) {
  return build({
    entryPoints: {
      page: 'src/web/page.ts',
      'clock.worker': 'src/web/clockWorker.ts',
      'vm.worker.web': 'src/vm/worker/main.web.ts',
      index: 'src/web/index.html',
      style: 'src/web/style.css',
      v86: require.resolve('v86/build/v86.wasm'),
    },
    loader: { '.html': 'copy', '.wasm': 'copy' },
    bundle: true,
    format: 'esm',
    target: 'es2023',
    platform: 'browser',
    // v86 asks for them in Node only.
    external: ['node:*', 'crypto', 'fs', 'perf_hooks'],
    sourcemap: true,
    logLevel: 'warning',
    ...options,
  });
}
