import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Bundles what a worker of a test runs, from the sources as they are now. */
export async function workerScript(entry: URL, name: string): Promise<URL> {
  const outfile = fileURLToPath(
    new URL(`../../node_modules/.cache/virtio-mq/${process.pid}-${name}.mjs`, import.meta.url),
  );
  await build({
    entryPoints: [fileURLToPath(entry)],
    outfile,
    bundle: true,
    format: 'esm',
    target: 'es2023',
    platform: 'node',
    packages: 'external',
    logLevel: 'warning',
  });
  return new URL(`file://${outfile}`);
}
