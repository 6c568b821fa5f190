import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { UserError } from '../../../src/vm/errors.js';
import { debianKeyring, machineMirror } from '../../../src/vm/image/mirror.node.js';
import { debianArchive, parseDeb822Sources, parseOneLineSources } from '../../../src/vm/image/sources.js';

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

describe('one-line sources', () => {
  it('reads options, several components and comments', () => {
    const text = [
      '# deb http://commented.example/debian bookworm main',
      'deb-src http://source.example/debian bookworm main',
      `  deb [ arch=amd64 signed-by=${keyring} ] http://mirror.example/debian bookworm main contrib # near`,
      'deb http://plain.example/debian\tstable main',
      'deb cdrom:',
      '',
    ].join('\n');
    expect(parseOneLineSources(text)).toEqual([
      {
        uris: ['http://mirror.example/debian'],
        suites: ['bookworm'],
        components: ['main', 'contrib'],
        signedBy: keyring,
      },
      { uris: ['http://plain.example/debian'], suites: ['stable'], components: ['main'] },
    ]);
  });
});

describe('deb822 sources', () => {
  it('reads entries with several addresses and suites, comments inside and fields over many lines', () => {
    const text = `Types: deb deb-src
# URIs: http://old.example/debian
URIs: http://one.example/debian
 http://two.example/debian
Suites: bookworm bookworm-updates
components: main
Signed-By: ${keyring}

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
`;
    expect(parseDeb822Sources(text)).toEqual([
      {
        uris: ['http://one.example/debian', 'http://two.example/debian'],
        suites: ['bookworm', 'bookworm-updates'],
        components: ['main'],
        signedBy: keyring,
      },
    ]);
  });

  it('reads files with Windows line ends and none at the end', () => {
    expect(
      parseDeb822Sources('Types: deb\r\nURIs: http://a.example/debian\r\nSuites: sid\r\nComponents: main'),
    ).toEqual([{ uris: ['http://a.example/debian'], suites: ['sid'], components: ['main'] }]);
  });
});

describe('debianArchive', () => {
  const archives: [string, string, boolean][] = [
    ["Debian's own", 'deb http://mirror.example/debian bookworm main', true],
    ['a mirror signed with its key', `deb [signed-by=${keyring}] http://mirror.example/pub bookworm main`, true],
    ['a release by its role', 'deb http://mirror.example/debian oldstable main', true],
    ['security updates alone', 'deb http://mirror.example/debian-security bookworm-security main', false],
    ['no component main', 'deb http://vendor.example/linux/debian bookworm stable', false],
    ["a vendor's suite", 'deb http://vendor.example/apt cloud-sdk-bookworm main', false],
    ["a vendor's key", 'deb [signed-by=/etc/apt/keyrings/v.gpg] http://vendor.example/debian bookworm main', false],
    ["a vendor's address without a key", 'deb http://vendor.example/php bookworm main', false],
    ['Ubuntu', 'deb http://archive.example/ubuntu noble main', false],
  ];
  it.each(archives)('judges %s', (_, line, expected) => {
    expect(debianArchive(parseOneLineSources(line)) !== undefined).toBe(expected);
  });

  it('takes the first of several', () => {
    const lines = [
      'deb http://v.example/x nodistro main',
      'deb http://b.example/debian sid main',
      'deb http://c.example/debian sid main',
    ];
    expect(debianArchive(parseOneLineSources(lines.join('\n')))).toBe('http://b.example/debian');
  });
});

describe("the machine's mirror", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vmq-sources-'));
    await mkdir(join(folder, 'sources.list.d'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is found in either kind of file, and only in files that apt reads', async () => {
    const parts = join(folder, 'sources.list.d');
    await writeFile(join(parts, 'a.list.disabled'), 'deb http://off.example/debian bookworm main\n');
    await writeFile(
      join(parts, 'b.sources'),
      'Types: deb\nURIs: http://on.example/debian\nSuites: trixie\nComponents: main\n',
    );
    await writeFile(join(parts, 'c.list'), 'deb http://late.example/debian bookworm main\n');
    expect(await machineMirror(folder)).toBe('http://on.example/debian');
    await writeFile(join(folder, 'sources.list'), 'deb http://first.example/debian bookworm main\n');
    expect(await machineMirror(folder)).toBe('http://first.example/debian');
  });

  it('is asked for when there is none', async () => {
    await writeFile(join(folder, 'sources.list'), 'deb http://archive.example/ubuntu noble main\n');
    await expect(machineMirror(folder)).rejects.toThrow(UserError);
    await expect(machineMirror(folder)).rejects.toThrow('--mirror URL');
    await expect(machineMirror(join(folder, 'none'))).rejects.toThrow(UserError);
  });

  it("needs Debian's keys, under either name", async () => {
    const [gpg, pgp] = [join(folder, 'k.gpg'), join(folder, 'k.pgp')];
    expect(() => debianKeyring([gpg, pgp])).toThrow(UserError);
    expect(() => debianKeyring([gpg, pgp])).toThrow('install the package debian-archive-keyring');
    await writeFile(pgp, '');
    expect(debianKeyring([gpg, pgp])).toBe(pgp);
  });
});
