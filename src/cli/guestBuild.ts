import { stat } from 'node:fs/promises';

import { buildGuestImage, type GuestImageOptions } from '../vm/index.node.js';
import { interruptible } from './interrupt.js';
import { createProgress } from './progress.js';
import type { Streams } from './streams.js';
import { table } from './tables.js';

export interface BuildSettings {
  readonly image: Pick<GuestImageOptions, 'suite' | 'kernelPackage' | 'mirror'>;
  readonly json: boolean;
}

/** What `vmq guest build --json` prints. */
export interface BuildReport {
  readonly kernelRelease: string;
  /** Names the image's contents. */
  readonly key: string;
  readonly files: readonly { readonly name: string; readonly path: string; readonly bytes: number }[];
}

/** `vmq guest build`: makes the guest image, or finds the one that was made before. */
export async function buildImage({ image, json }: BuildSettings, { stdout, stderr }: Streams): Promise<number> {
  const progress = createProgress(stderr);
  try {
    const { kernelRelease, key, ...paths } = await interruptible((signal) =>
      buildGuestImage({ ...image, signal, onProgress: ({ step, fraction }) => progress.step(step, fraction) }),
    );
    progress.stop();
    const files = await Promise.all(
      Object.entries(paths).map(async ([name, path]) => ({ name, path, bytes: (await stat(path)).size })),
    );
    const report: BuildReport = { kernelRelease, key, files };
    stdout.write(json ? `${JSON.stringify(report, undefined, 2)}\n` : describe(report));
    return 0;
  } finally {
    progress.stop();
  }
}

function describe({ kernelRelease, files }: BuildReport): string {
  const rows = files.map(({ name, path, bytes }) => [name, Math.ceil(bytes / 1024).toString(), path]);
  const columns = [
    ['file', 'left'],
    ['KiB', 'right'],
    ['path', 'left'],
  ] as const;
  return `The guest image with the kernel ${kernelRelease}:\n\n${table(columns, rows)}\n`;
}
