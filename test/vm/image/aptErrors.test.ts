import { afterEach, describe, expect, it, vi } from 'vitest';

import { UserError } from '../../../src/vm/errors.js';
import { aptFailure } from '../../../src/vm/image/aptErrors.js';
import { run } from '../../../src/vm/image/process.node.js';

const request = { mirror: 'http://mirror.example/debian', suite: 'bookworm' };

/** What apt 2.6 prints, and what the sentence for it must say. */
const cases: [string, string, string[]][] = [
  [
    'an address without a machine',
    "W: Failed to fetch http://mirror.example/debian/dists/bookworm/InRelease  Temporary failure resolving 'mirror.example'\nE: Some index files failed to download.",
    ['http://mirror.example/debian cannot be reached', "Temporary failure resolving 'mirror.example'", '--mirror URL'],
  ],
  [
    'a machine that refuses',
    'E: Failed to fetch http://mirror.example/x  Could not connect to 127.0.0.1:9 (127.0.0.1). - connect (111: Connection refused)',
    ['cannot be reached', 'Connection refused'],
  ],
  [
    'a suite that is not there',
    "E: The repository 'http://mirror.example/debian bookworm Release' does not have a Release file.",
    ['http://mirror.example/debian has no suite bookworm'],
  ],
  [
    'a mirror that answers with an error',
    "E: Failed to fetch http://mirror.example/debian/dists/bookworm/InRelease  403  Forbidden [IP: 10.0.0.1 80]\nE: The repository 'http://mirror.example/debian bookworm InRelease' is not signed.",
    ['does not give out its suite bookworm', '403  Forbidden'],
  ],
  [
    'a foreign signature',
    "W: GPG error: http://mirror.example/debian bookworm InRelease: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY 6ED0\nE: The repository 'http://mirror.example/debian bookworm InRelease' is not signed.",
    ["not signed with Debian's keys", 'debian-archive-keyring'],
  ],
  ['a full disk', 'E: Write error - write (28: No space left on device)', ['The disk is full', 'VMQ_CACHE']],
  [
    'anything else',
    'E: Something new\nE: and more',
    ['the suite bookworm of http://mirror.example/debian: Something new'],
  ],
  ['no reason at all', '', ['it gave no reason']],
];

describe('what apt complains of', () => {
  it.each(cases)('%s', (_, stderr, parts) => {
    const failure = aptFailure(stderr, request);
    expect(failure).toBeInstanceOf(UserError);
    for (const part of parts) expect(failure.message).toContain(part);
    expect(failure.message).not.toContain('\n');
  });
});

describe('a program', () => {
  afterEach(() => void vi.unstubAllEnvs());

  it('that is missing is named, with its package', async () => {
    vi.stubEnv('PATH', '/nonexistent');
    const failure = run('apt-get', ['update']);
    await expect(failure).rejects.toThrow(UserError);
    await expect(failure).rejects.toThrow("needs apt-get (Debian's package apt)");
    await expect(run('dpkg-deb', [])).rejects.toThrow("needs dpkg-deb (Debian's package dpkg)");
  });

  it('gives its status, what it wrote, and lines from its third stream', async () => {
    const lines: string[] = [];
    const script = 'printf "one\\ntw" >&3; printf "o\\n" >&3; echo out; echo err >&2; exit 3';
    const result = await run('sh', ['-c', script], { onStatus: (line) => lines.push(line) });
    expect(result).toMatchObject({ status: 3, stderr: 'err\n' });
    expect(result.stdout.toString()).toBe('out\n');
    expect(lines).toEqual(['one', 'two']);
  });

  it('is stopped by a signal', async () => {
    const stop = new AbortController();
    const sleeping = run('sh', ['-c', 'exec sleep 30'], { signal: stop.signal });
    stop.abort();
    await expect(sleeping).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
  });
});
