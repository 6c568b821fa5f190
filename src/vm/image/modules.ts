import { globPattern } from './glob.js';
import { moduleName, modinfoFields, softDependNames, type ModuleInfo } from './modinfo.js';
import { packModuleIndex, type IndexEntry } from './moduleIndex.js';

/** A kernel's modules, as far as they are known without opening them: paths relative to lib/modules/RELEASE. */
export interface ModuleCatalogue {
  /** Path of every module, such as kernel/net/sched/sch_fq.ko, without a suffix for compression. */
  readonly paths: readonly string[];
  read(path: string): Promise<ModuleInfo>;
}

/** A module that goes into the guest. */
export interface ChosenModule extends ModuleInfo {
  readonly path: string;
}

/**
 * The modules that the patterns name, with all that they depend on (their own "depends", and "softdep" where the kernel
 * has it). Patterns are paths below kernel/ without .ko; one that matches nothing is left alone, since kernels differ
 * in what they build in.
 */
export async function chooseModules(
  catalogue: ModuleCatalogue,
  patterns: readonly string[],
): Promise<Map<string, ChosenModule>> {
  const byName = new Map(catalogue.paths.map((path) => [moduleName(path.replace(/^.*\/|\.ko$/g, '')), path]));
  const wanted = patterns.map((pattern) => globPattern(`kernel/${pattern}.ko`));
  const pending = catalogue.paths.filter((path) => wanted.some((pattern) => pattern.test(path)));
  const chosen = new Map<string, ChosenModule>();
  const seen = new Set(pending);
  for (let path = pending.shift(); path !== undefined; path = pending.shift()) {
    const info = await catalogue.read(path);
    chosen.set(info.name, { ...info, path });
    for (const name of [...info.depends, ...info.softDepends.flatMap(softDependNames).map(moduleName)]) {
      const dependency = byName.get(name);
      if (dependency === undefined || seen.has(dependency)) continue;
      seen.add(dependency);
      pending.push(dependency);
    }
  }
  return chosen;
}

/** All that must be loaded before a module, nearest first: modprobe loads the list from its end. */
export function loadingOrder(modules: ReadonlyMap<string, ChosenModule>, name: string): ChosenModule[] {
  const seen = new Set<string>();
  const order: ChosenModule[] = [];
  const visit = (wanted: string): void => {
    const module = modules.get(wanted);
    if (!module || seen.has(wanted)) return;
    seen.add(wanted);
    module.depends.forEach(visit);
    order.push(module);
  };
  visit(name);
  return order.slice(0, -1).reverse();
}

/** What depmod would write for these modules: the file names in lib/modules/RELEASE with their contents. */
export function moduleIndexFiles(
  modules: ReadonlyMap<string, ChosenModule>,
  kernel: { readonly order: string; readonly builtin: string; readonly builtinModinfo: Uint8Array },
): Map<string, Uint8Array> {
  const lines = (list: readonly string[]): Uint8Array => new TextEncoder().encode(list.map((l) => `${l}\n`).join(''));
  const position = new Map(kernel.order.split('\n').map((path, index) => [path.trim(), index]));
  const priorityOf = ({ path }: ChosenModule): number => position.get(path) ?? position.size;
  const sorted = [...modules.values()].sort((a, b) => priorityOf(a) - priorityOf(b));

  const dependencies = sorted.map((module) => {
    const before = loadingOrder(modules, module.name).map(({ path }) => ` ${path}`);
    return { key: module.name, value: `${module.path}:${before.join('')}`, priority: priorityOf(module) };
  });
  const aliases = sorted.flatMap((module) =>
    module.aliases.map((alias) => ({ key: moduleName(alias), value: module.name, priority: priorityOf(module) })),
  );
  const softDependencies = sorted.flatMap((module) =>
    module.softDepends.map((line) => `softdep ${module.name} ${line}`),
  );
  const builtinNames = kernel.builtin
    .split('\n')
    .filter(Boolean)
    .map((path) => moduleName(path.trim().replace(/^.*\/|\.ko$/g, '')));
  const builtin = builtinNames.map((key) => ({ key, value: '', priority: 0 }));
  // Each field there is written as module.key=value.
  const builtinAliases = modinfoFields(kernel.builtinModinfo).flatMap(([key, value]): IndexEntry[] => {
    const [module = '', field] = key.split('.');
    return field === 'alias' ? [{ key: moduleName(value), value: moduleName(module), priority: 0 }] : [];
  });

  return new Map([
    ['modules.dep', lines(dependencies.map(({ value }) => value))],
    ['modules.dep.bin', packModuleIndex(dependencies)],
    ['modules.alias', lines(aliases.map(({ key, value }) => `alias ${key} ${value}`))],
    ['modules.alias.bin', packModuleIndex(aliases)],
    ['modules.softdep', lines(softDependencies)],
    ['modules.symbols.bin', packModuleIndex([])],
    ['modules.builtin.bin', packModuleIndex(builtin)],
    // kmod before 30 looks for the names themselves here, too.
    [
      'modules.builtin.alias.bin',
      packModuleIndex([...builtinNames.map((key) => ({ key, value: key, priority: 0 })), ...builtinAliases]),
    ],
  ]);
}
