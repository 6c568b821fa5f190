import { describe, expect, it } from 'vitest';

import { UserError } from '../../../src/vm/errors.js';
import { resolveKernelPackage, type PackageArchive } from '../../../src/vm/image/kernelPackage.js';
import { libraryClosure, parsePackageRecords, type PackageRecord } from '../../../src/vm/image/packages.js';

function record(name: string, section: string, depends: string[] = []): PackageRecord {
  return { name, section, depends, version: '1', size: 1, sha256: name };
}

describe('package records', () => {
  it('are read as apt-cache prints them', () => {
    const text = `Package: tool
Version: 1:2.0-1+b1
Section: contrib/net
Pre-Depends: init-helper
Depends: libc6 (>= 2.34), libold:any | libnew [i386],
 libmore
Description: a tool
 that does things.
Size: 1234
SHA256: 00ff

Package: bare
Version: 1
`;
    expect(parsePackageRecords(text)).toEqual([
      {
        name: 'tool',
        version: '1:2.0-1+b1',
        section: 'net',
        size: 1234,
        sha256: '00ff',
        depends: ['init-helper', 'libc6', 'libold', 'libnew', 'libmore'],
      },
      { name: 'bare', version: '1', section: '', size: 0, sha256: '', depends: [] },
    ]);
  });
});

describe('libraryClosure', () => {
  it('follows dependencies through libraries only', () => {
    const closure = [
      record('tool', 'net', ['libb', 'adduser', 'unavailable']),
      record('libb', 'libs', ['liba', 'libb']),
      record('liba', 'libs'),
      record('adduser', 'admin', ['libperl']),
      record('libperl', 'libs'),
      record('data', 'misc'),
    ];
    expect(libraryClosure(['tool', 'data'], closure).map(({ name }) => name)).toEqual(['data', 'liba', 'libb', 'tool']);
  });
});

describe('the kernel package', () => {
  const packages = [
    record('linux-image-686', 'kernel', ['linux-image-6.1.0-9-686']),
    record('linux-image-6.1.0-9-686', 'kernel', ['kmod', 'linux-base']),
    record('linux-image-circle', 'kernel', ['linux-image-circle']),
    record('linux-image-broken-686', 'kernel', ['linux-image-gone-686']),
  ];
  const archive = (names: string[]): PackageArchive => ({
    suite: 'bookworm',
    show: (wanted) => Promise.resolve(packages.filter(({ name }) => wanted.includes(name))),
    search: () => Promise.resolve(names),
  });

  it('is what a metapackage leads to, or itself', async () => {
    expect((await resolveKernelPackage(archive([]), 'linux-image-686')).name).toBe('linux-image-6.1.0-9-686');
    expect((await resolveKernelPackage(archive([]), 'linux-image-6.1.0-9-686')).name).toBe('linux-image-6.1.0-9-686');
  });

  it('is told from those that the suite has when it has no such', async () => {
    const found = archive(['linux-image-686', 'linux-image-686-dbg', 'linux-image-686-unsigned']);
    const failure = resolveKernelPackage(found, 'linux-image-786');
    await expect(failure).rejects.toThrow(UserError);
    await expect(failure).rejects.toThrow(
      "Debian's suite bookworm has no package linux-image-786 for i386; it has linux-image-686.",
    );
  });

  it('is not to be had from a suite without kernels', async () => {
    await expect(resolveKernelPackage(archive([]), 'linux-image-786')).rejects.toThrow(
      'it has no kernel for i386 at all',
    );
  });

  it('is not looked for without end, nor taken for granted', async () => {
    await expect(resolveKernelPackage(archive([]), 'linux-image-circle')).rejects.toThrow('leads to no kernel');
    await expect(resolveKernelPackage(archive([]), 'linux-image-broken-686')).rejects.toThrow('linux-image-gone-686');
  });
});
