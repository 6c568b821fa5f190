import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { globPattern } from '../../../src/vm/image/glob.js';
import { moduleName, readModuleInfo, type ModuleInfo } from '../../../src/vm/image/modinfo.js';
import { packModuleIndex, type IndexEntry } from '../../../src/vm/image/moduleIndex.js';
import { chooseModules, loadingOrder, moduleIndexFiles } from '../../../src/vm/image/modules.js';
import { moduleFile } from './elfFile.js';

/** Looks a key up as libkmod does, walking the trie from its root; all values of the key, in the file's order. */
function lookUp(index: Uint8Array, key: string): string[] {
  const view = new DataView(index.buffer, index.byteOffset, index.length);
  expect(view.getUint32(0)).toBe(0xb007f457);
  expect(view.getUint32(4)).toBe(0x00020001);
  const text = (at: number): string => Buffer.from(index.subarray(at, index.indexOf(0, at))).toString();
  let node = view.getUint32(8);
  let rest = key;
  while ((node & 0x0fffffff) !== 0) {
    let at = node & 0x0fffffff;
    if (node & 0x80000000) {
      const prefix = text(at);
      at += prefix.length + 1;
      if (!rest.startsWith(prefix)) return [];
      rest = rest.slice(prefix.length);
    }
    let child = 0;
    if (node & 0x20000000) {
      const [first, last] = [view.getUint8(at), view.getUint8(at + 1)];
      const wanted = rest.charCodeAt(0);
      if (wanted >= first && wanted <= last) child = view.getUint32(at + 2 + (wanted - first) * 4);
      at += 2 + (last - first + 1) * 4;
    }
    if (rest === '') {
      if (!(node & 0x40000000)) return [];
      const values: string[] = [];
      let remaining = view.getUint32(at);
      for (at += 4; remaining > 0; remaining -= 1) {
        const value = text(at + 4);
        values.push(value);
        at += 4 + value.length + 1;
      }
      return values;
    }
    rest = rest.slice(1);
    node = child;
  }
  return [];
}

describe('the index of names', () => {
  it('finds every key and no other', () => {
    const key = fc.string({ unit: fc.constantFrom('a', 'b', '_', '*', ':', '['), maxLength: 6 });
    const entry: fc.Arbitrary<IndexEntry> = fc.record({
      key,
      value: fc.string({ unit: 'grapheme-ascii' }).map((v) => v.replace(/\0/g, '')),
      priority: fc.nat(9),
    });
    fc.assert(
      fc.property(fc.array(entry), key, (entries, other) => {
        const index = packModuleIndex(entries);
        for (const wanted of [...entries.map((e) => e.key), other]) {
          const expected = entries.filter((e) => e.key === wanted);
          const values = expected.sort((a, b) => a.priority - b.priority).map(({ value }) => value);
          expect(lookUp(index, wanted)).toEqual(values);
        }
      }),
    );
  });
});

describe('module names', () => {
  it('have no dashes, but for those in brackets', () => {
    expect(moduleName('ne2k-pci')).toBe('ne2k_pci');
    expect(moduleName('net-pf-16-proto-[0-9]*')).toBe('net_pf_16_proto_[0-9]*');
  });
});

describe('modinfo', () => {
  it('is read from the module', () => {
    const fields = [
      'license=GPL',
      'alias=pci:v*',
      'alias=x-y',
      'softdep=pre: crc32c',
      'depends=mii,net-failover',
      'name=virtio_net',
    ];
    expect(readModuleInfo('kernel/drivers/net/virtio_net.ko', moduleFile(fields))).toEqual({
      name: 'virtio_net',
      aliases: ['pci:v*', 'x-y'],
      depends: ['mii', 'net_failover'],
      softDepends: ['pre: crc32c'],
    });
  });

  it('takes the name from the file where the module carries none', () => {
    expect(readModuleInfo('kernel/net/a-b.ko', moduleFile(['depends=']))).toMatchObject({ name: 'a_b', depends: [] });
  });
});

describe('patterns', () => {
  const cases: [string, string, boolean][] = [
    ['net/sched/*', 'net/sched/sch_fq', true],
    ['net/sched/*', 'net/sched/deep/sch_fq', false],
    ['net/**', 'net/sched/sch_fq', true],
    ['net/ipv4/tcp_*', 'net/ipv4/udp_diag', false],
    ['drivers/net/{dummy,veth}', 'drivers/net/veth', true],
    ['drivers/net/{dummy,veth}', 'drivers/net/veth2', false],
    ['a.b', 'axb', false],
    ['a+b', 'a+b', true],
  ];
  it.each(cases)('%s on %s', (pattern, path, expected) => {
    expect(globPattern(pattern).test(path)).toBe(expected);
  });
});

/** A kernel made of lines: path, then what it depends on. */
function catalogue(table: Record<string, Partial<ModuleInfo>>) {
  const read: string[] = [];
  return {
    read,
    paths: Object.keys(table).map((path) => `kernel/${path}.ko`),
    open: (path: string): Promise<ModuleInfo> => {
      read.push(path);
      const name = moduleName(path.replace(/^.*\/|\.ko$/g, ''));
      const given = table[path.replace(/^kernel\/|\.ko$/g, '')];
      return Promise.resolve({ name, aliases: [], depends: [], softDepends: [], ...given });
    },
  };
}

const kernel = catalogue({
  'net/card': {
    depends: ['bus_core', 'net_failover'],
    aliases: ['pci:v00001AF4*'],
    softDepends: ['pre: crypto-x post: late'],
  },
  'net/net-failover': { depends: ['failover'] },
  'net/failover': {},
  'bus/bus-core': { depends: ['ring', 'failover'] },
  'bus/ring': {},
  'lib/late': {},
  'other/unwanted': {},
});
const choose = (patterns: string[]) => chooseModules({ paths: kernel.paths, read: kernel.open }, patterns);

describe('the choice of modules', () => {
  it('takes in all that the wanted depend on, whatever way the names are written', async () => {
    const chosen = await choose(['net/card', 'nothing/of/this']);
    expect([...chosen.keys()].sort()).toEqual(['bus_core', 'card', 'failover', 'late', 'net_failover', 'ring']);
    expect(chosen.get('net_failover')?.path).toBe('kernel/net/net-failover.ko');
  });

  it('opens each module once, and the others not at all', async () => {
    kernel.read.length = 0;
    await choose(['net/*']);
    expect(new Set(kernel.read).size).toBe(kernel.read.length);
    expect(kernel.read).not.toContain('kernel/other/unwanted.ko');
  });

  it('loads what a module needs before it, from the end of the list', async () => {
    const chosen = await choose(['net/card']);
    const order = loadingOrder(chosen, 'card')
      .map(({ name }) => name)
      .reverse();
    expect([...order].sort()).toEqual(['bus_core', 'failover', 'net_failover', 'ring']);
    const loaded = new Set<string>();
    for (const name of order) {
      for (const needed of chosen.get(name)?.depends ?? []) expect(loaded).toContain(needed);
      loaded.add(name);
    }
  });

  it('ends where modules depend on each other in a circle', async () => {
    const circle = catalogue({ a: { depends: ['b'] }, b: { depends: ['a'] } });
    const chosen = await chooseModules({ paths: circle.paths, read: circle.open }, ['a']);
    expect(loadingOrder(chosen, 'a').map(({ name }) => name)).toEqual(['b']);
  });
});

describe("modprobe's files", () => {
  const text = (files: Map<string, Uint8Array>, name: string): string => Buffer.from(files.get(name) ?? []).toString();

  it('say what to load for a name, an alias and a built-in module', async () => {
    const files = moduleIndexFiles(await choose(['net/card']), {
      order: 'kernel/net/card.ko\nkernel/bus/ring.ko\n',
      builtin: 'kernel/net/ipv6/ipv6.ko\n',
      builtinModinfo: Buffer.from('ipv6.alias=net-pf-10\0ipv6.license=GPL\0'),
    });
    const index = (name: string, key: string): string[] => lookUp(files.get(name) ?? new Uint8Array(), key);
    const line =
      'kernel/net/card.ko: kernel/net/net-failover.ko kernel/bus/bus-core.ko kernel/net/failover.ko kernel/bus/ring.ko';
    expect(index('modules.dep.bin', 'card')).toEqual([line]);
    expect(text(files, 'modules.dep').split('\n')[0]).toBe(line);
    expect(index('modules.dep.bin', 'ring')).toEqual(['kernel/bus/ring.ko:']);
    expect(index('modules.alias.bin', 'pci:v00001AF4*')).toEqual(['card']);
    expect(text(files, 'modules.alias')).toBe('alias pci:v00001AF4* card\n');
    expect(text(files, 'modules.softdep')).toBe('softdep card pre: crypto-x post: late\n');
    expect(index('modules.builtin.bin', 'ipv6')).toEqual(['']);
    expect(index('modules.builtin.alias.bin', 'net_pf_10')).toEqual(['ipv6']);
    expect(index('modules.builtin.alias.bin', 'ipv6')).toEqual(['ipv6']);
    expect(index('modules.symbols.bin', 'symbol:x')).toEqual([]);
  });
});
