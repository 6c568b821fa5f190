import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { UserError } from '../errors.js';
import { aptFailure, type AptRequest } from './aptErrors.js';
import { parsePackageRecords, type PackageRecord } from './packages.js';
import { run, type ProcessOptions, type ProcessResult } from './process.node.js';

export interface AptOptions extends AptRequest {
  /** A folder of our own for all that apt keeps. */
  readonly directory: string;
  readonly keyring: string;
  /** Debian's name of the guest's architecture. */
  readonly architecture: string;
  readonly signal?: AbortSignal | undefined;
}

/** A suite such as bookworm-backports holds only additions to its base suite. */
function suitesFor(suite: string): string[] {
  const base = suite.replace(/-.*$/, '');
  return base === suite ? [suite] : [base, suite];
}

/**
 * Settings that keep apt away from the machine's own state. They are read after the machine's settings, so that its
 * proxies and credentials (Acquire::…, auth.conf) keep working, while its hooks, pins and sources do not count.
 */
function configuration({ directory, architecture }: AptOptions): string {
  const settings: Record<string, string> = {
    'Dir::State': `${directory}/state`,
    'Dir::State::lists': 'lists/',
    'Dir::State::status': `${directory}/status`,
    'Dir::State::extended_states': 'extended_states',
    'Dir::Cache': `${directory}/cache`,
    'Dir::Cache::archives': 'archives/',
    'Dir::Cache::pkgcache': '',
    'Dir::Cache::srcpkgcache': '',
    'Dir::Etc::sourcelist': `${directory}/sources.list`,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::Log': `${directory}/log`,
    'APT::Architecture': architecture,
    'APT::Install-Recommends': 'false',
    'APT::Install-Suggests': 'false',
    'APT::Get::Show-User-Simulation-Note': 'false',
    // Run by root, apt gives its downloads to a user that may not look into our folders.
    'APT::Sandbox::User': 'root',
    'APT::Update::Error-Mode': 'any',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
  };
  const hooks = ['APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success'];
  return [
    ...['APT::Architectures', 'APT::Default-Release', ...hooks].map((name) => `#clear ${name};`),
    `APT::Architectures { "${architecture}"; };`,
    ...Object.entries(settings).map(([name, value]) => `${name} "${value}";`),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** apt with a state of its own, in a folder of its own, for one suite of one Debian mirror. It needs no root. */
export class Apt {
  readonly #options: AptOptions;

  private constructor(options: AptOptions) {
    this.#options = options;
  }

  /** Prepares the folder. Nothing is downloaded yet. */
  static async create(options: AptOptions): Promise<Apt> {
    const { directory, mirror, suite, keyring } = options;
    const folders = ['state/lists/partial', 'cache/archives/partial', 'log'];
    await Promise.all(folders.map((folder) => mkdir(join(directory, folder), { recursive: true })));
    const sources = suitesFor(suite).map(
      (name) => `deb [target=Packages signed-by=${keyring}] ${mirror} ${name} main\n`,
    );
    await writeFile(join(directory, 'sources.list'), sources.join(''));
    // An empty list of installed packages: every dependency counts.
    await writeFile(join(directory, 'status'), '');
    await writeFile(join(directory, 'apt.conf'), configuration(options));
    return new Apt(options);
  }

  get suite(): string {
    return this.#options.suite;
  }

  /** Downloads the suite's package lists. */
  async update(onStatus?: (line: string) => void): Promise<void> {
    const { status, stderr } = await this.#run('apt-get', ['update'], { ...(onStatus && { onStatus }) });
    if (status !== 0 || /^[EW]: (?:Failed to fetch|Some index files)/m.test(stderr)) throw this.#failure(stderr);
  }

  /** The records of the packages in the suite; those that it does not have are left out. */
  async show(names: readonly string[]): Promise<PackageRecord[]> {
    const { stdout } = await this.#run('apt-cache', ['show', '--no-all-versions', ...names]);
    return parsePackageRecords(stdout.toString());
  }

  /** The records of the packages with all that they depend on, as apt would install them on an empty system. */
  async closure(names: readonly string[]): Promise<PackageRecord[]> {
    const { status, stdout, stderr } = await this.#run('apt-get', ['install', '--simulate', '-qq', ...names]);
    if (status !== 0) throw this.#failure(stderr);
    return this.show([...stdout.toString().matchAll(/^Inst (\S+)/gm)].map(([, name]) => name ?? ''));
  }

  /** Names of packages in the suite that match a regular expression (POSIX, extended). */
  async search(pattern: string): Promise<string[]> {
    const { stdout } = await this.#run('apt-cache', ['search', '--names-only', pattern]);
    return stdout
      .toString()
      .split('\n')
      .filter(Boolean)
      .map((line) => line.replace(/ .*/, ''))
      .sort();
  }

  /** Downloads package files into a folder, checked against the suite's signed lists. Files already there are not downloaded again. */
  async download(
    records: readonly PackageRecord[],
    directory: string,
    onStatus: (line: string) => void,
  ): Promise<void> {
    const names = records.map(({ name, version }) => `${name}=${version}`);
    const { status, stderr } = await this.#run('apt-get', ['download', ...names], { directory, onStatus });
    if (status !== 0) throw this.#failure(stderr);
  }

  #run(program: string, args: readonly string[], options: ProcessOptions = {}): Promise<ProcessResult> {
    const own = ['-c', join(this.#options.directory, 'apt.conf'), '-o', 'APT::Status-Fd=3'];
    return run(program, [...own, ...args], { ...options, signal: this.#options.signal });
  }

  #failure(stderr: string): UserError {
    return aptFailure(stderr, this.#options);
  }
}
