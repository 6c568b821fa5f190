import { section } from './elf.js';

/** What a kernel module says about itself in its .modinfo section. */
export interface ModuleInfo {
  /** The name the kernel knows it by: underscores, never dashes. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** Modules whose symbols it uses. */
  readonly depends: readonly string[];
  /** Modules or aliases that are good to have before it and after it ("softdep" lines, as they stand). */
  readonly softDepends: readonly string[];
}

const utf8 = new TextDecoder();

/** A module's name as the kernel writes it. Dashes and underscores mean the same to modprobe, except inside brackets. */
export function moduleName(name: string): string {
  return name.replace(/\[[^\]]*\]|-/g, (part) => (part === '-' ? '_' : part));
}

/** Reads "key=value" strings that end in NUL bytes, the form of .modinfo and of modules.builtin.modinfo. */
export function modinfoFields(bytes: Uint8Array): [key: string, value: string][] {
  return utf8
    .decode(bytes)
    .split('\0')
    .filter((field) => field.includes('='))
    .map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]);
}

/** Reads a module's .modinfo. The name is taken from the path where an old kernel's module carries none. */
export function readModuleInfo(path: string, module: Uint8Array): ModuleInfo {
  const fields = modinfoFields(section(module, '.modinfo') ?? new Uint8Array(0));
  const all = (wanted: string): string[] => fields.filter(([key]) => key === wanted).map(([, value]) => value);
  const fileName = path.slice(path.lastIndexOf('/') + 1).replace(/\.ko$/, '');
  return {
    name: moduleName(all('name')[0] ?? fileName),
    aliases: all('alias'),
    depends: all('depends').flatMap((list) => list.split(',').filter(Boolean).map(moduleName)),
    softDepends: all('softdep'),
  };
}

/** The names in a "softdep" line: `pre: a b post: c` gives a, b and c. */
export function softDependNames(line: string): string[] {
  return line.split(/\s+/).filter((word) => word && !word.endsWith(':'));
}
