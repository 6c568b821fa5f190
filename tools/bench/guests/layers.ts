/** A program that esbuild made, by lines: each module begins with a comment that names its file. */
export type Bundle = readonly string[];

/** Where a function of a profile is; lines count from 0. */
export interface Place {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

/** What is no function, by the names that V8 gives it; idle time is nobody's. */
const special: Readonly<Record<string, string | undefined>> = {
  '(idle)': undefined,
  '(root)': undefined,
  '(program)': 'native',
  '(garbage collector)': 'garbage collector',
};

const moduleComment = /^\/\/ ((?:src|tools|node_modules)\/\S+)$/;

/** Functions of ours that do nothing but wait: a thread that stands still in them is idle. */
const waits = [{ module: 'src/fabric/shared/node.ts', functionName: 'wait' }];

/**
 * The layer of the house that a function is of (`virtio`, `pci`, `net`, `fabric`, `hosts`, …), or whose else it is: `guest`
 * for the guest's own instructions and the processor that executes them, both of which are WebAssembly; `v86`, `node`,
 * `libraries`, `native`, `garbage collector`. Undefined for idle time.
 */
export function layerOf({ functionName, url, lineNumber }: Place, bundle: (url: string) => Bundle): string | undefined {
  if (functionName in special) return special[functionName];
  if (url.startsWith('wasm:')) return 'guest';
  if (/\/node_modules\/v86\//.test(url)) return 'v86';
  if (/\/node_modules\//.test(url)) return 'libraries';
  if (url.startsWith('node:')) return 'node';
  if (!url.startsWith('file:')) return 'native';
  const module = moduleAt(bundle(url), lineNumber);
  if (waits.some((one) => one.module === module && one.functionName === functionName)) return undefined;
  const [top, layer] = module.split('/');
  if (top === 'node_modules') return 'libraries';
  return top === 'src' ? layer : 'benchmark';
}

function moduleAt(bundle: Bundle, line: number): string {
  for (let at = Math.min(line, bundle.length - 1); at >= 0; at--) {
    const found = moduleComment.exec(bundle[at]);
    if (found) return found[1];
  }
  return '';
}
