import { readdirSync, readFileSync } from 'node:fs';
import { Session, type Profiler } from 'node:inspector';
import { sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folders that are the device. */
export const deviceFolders = ['virtio', 'pci', 'net'] as const;

export interface FolderCoverage {
  readonly folder: string;
  readonly lines: number;
  readonly covered: number;
}

/** Which characters of a file have been executed. */
interface FileCoverage {
  readonly folder: string;
  readonly text: string;
  readonly covered: Uint8Array;
}

/**
 * What has been executed of the device, by V8's own account of blocks: to be made before the device's modules are loaded.
 * @param source folder of the translated sources
 */
export class Coverage {
  private readonly session = new Session();
  private readonly files = new Map<string, FileCoverage>();
  private readonly scratch: Uint8Array;

  constructor(source: URL) {
    for (const folder of deviceFolders) {
      const base = new URL(`${folder}/`, source);
      for (const name of readdirSync(fileURLToPath(base), { recursive: true, encoding: 'utf8' })) {
        if (!name.endsWith('.js')) continue;
        const path = fileURLToPath(base) + name.split(sep).join('/');
        const text = readFileSync(path, 'utf8');
        this.files.set(pathToFileURL(path).href, { folder, text, covered: new Uint8Array(text.length) });
      }
    }
    this.scratch = new Uint8Array(Math.max(...Array.from(this.files.values(), ({ text }) => text.length)));
    this.session.connect();
    this.session.post('Profiler.enable');
    this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Whether anything was executed, since this was asked last, that never was before; `note` has it count from now on. */
  fresh(note: boolean): boolean {
    let fresh = false;
    this.session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error) throw error;
      for (const { url, functions } of answer.result) {
        const file = this.files.get(url);
        if (!file) continue;
        if (this.look(file.covered, functions, note)) fresh = true;
      }
    });
    return fresh;
  }

  /** Lines with a word in them, and those of them that were reached. */
  report(): FolderCoverage[] {
    return deviceFolders.map((folder) => {
      let lines = 0;
      let covered = 0;
      for (const file of this.files.values()) {
        if (file.folder !== folder) continue;
        for (const start of codeLines(file.text)) {
          lines++;
          covered += file.covered[start];
        }
      }
      return { folder, lines, covered };
    });
  }

  /** The lines that were not reached, by file, for who wants to reach them. */
  missed(): Map<string, string[]> {
    const missed = new Map<string, string[]>();
    for (const [url, { text, covered }] of this.files) {
      const lines = codeLines(text).filter((start) => covered[start] === 0);
      const texts = lines.map((start) => text.slice(start, text.indexOf('\n', start)));
      if (texts.length > 0) missed.set(url.replace(/^.*\/src\//, ''), texts);
    }
    return missed;
  }

  /** Functions and ranges come from the outermost in: an inner one says what holds of its part. */
  private look(covered: Uint8Array, functions: readonly Profiler.FunctionCoverage[], note: boolean): boolean {
    const { scratch } = this;
    scratch.fill(0, 0, covered.length);
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) scratch.fill(count > 0 ? 1 : 0, startOffset, endOffset);
    }
    let fresh = false;
    for (let at = 0; at < covered.length && (note || !fresh); at++) {
      if (scratch[at] === 0 || covered[at] === 1) continue;
      fresh = true;
      if (note) covered[at] = 1;
    }
    return fresh;
  }
}

/** Where the lines begin that do something: no comment, no import or export. */
function codeLines(text: string): number[] {
  const end = text.search(/^export \{/m);
  const code = end < 0 ? text : text.slice(0, end);
  return Array.from(
    code.matchAll(/^[ \t]*(?!\/\*|\*|\/\/|import\b)(?=.*\w)\S/gm),
    (match) => match.index + match[0].length - 1,
  );
}
