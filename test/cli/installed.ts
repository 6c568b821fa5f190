import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Outcome {
  /** The exit status; null when a signal ended the process. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SpawnOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Called with all of standard error so far, whenever more came. */
  readonly onStderr?: (stderr: string, kill: (signal: NodeJS.Signals) => void) => void;
}

/** The command as it is when the package is installed, bundled from the sources as they are now. */
export class InstalledCommand {
  private readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<InstalledCommand> {
    const folder = await mkdtemp(join(tmpdir(), 'vmq-installed-'));
    await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
    for (const name of ['node_modules', 'firmware']) await symlink(join(root, name), join(folder, name));
    await build({
      entryPoints: { vmq: join(root, 'src/cli/vmq.ts'), 'vmq.worker': join(root, 'src/cli/stations/worker.ts') },
      outdir: join(folder, 'dist'),
      ...{ bundle: true, format: 'esm', target: 'es2023', platform: 'neutral', logLevel: 'warning' },
      ...{ packages: 'external', external: ['node:*'] },
    });
    return new InstalledCommand(folder);
  }

  get script(): string {
    return join(this.folder, 'dist', 'vmq.js');
  }

  /** Runs it to its end, with standard input empty. */
  async run(args: readonly string[], { env, onStderr }: SpawnOptions = {}): Promise<Outcome> {
    const child = spawn(process.execPath, [this.script, ...args], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (more: string) => {
      stderr += more;
      onStderr?.(stderr, (signal) => child.kill(signal));
    });
    const [stdout, [status]] = await Promise.all([
      text(child.stdout),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    return { status, stdout, stderr };
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true });
  }
}
