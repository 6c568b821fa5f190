import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { main } from '../../src/cli/main.js';
import packageJson from '../../package.json' with { type: 'json' };
import { testStreams } from './streams.js';

/** A file that is there. */
const file = fileURLToPath(import.meta.url);

async function vmq(...args: string[]) {
  const streams = testStreams();
  const status = await main(args, streams);
  return { status, stdout: streams.stdout.text, stderr: streams.stderr.text };
}

describe('bad use', () => {
  let cache: string;

  beforeAll(async () => {
    cache = await mkdtemp(join(tmpdir(), 'vmq-cache-'));
    vi.stubEnv('VMQ_CACHE', cache);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(cache, { recursive: true });
  });

  it.each([
    [['boot', '--backend', 'hub'], /^--backend takes switch or loopback; 'hub' is not one\.$/],
    [['boot', '--port', 'qemu:hear:/a'], /^--port 'qemu:hear:\/a': it takes qemu:listen: or qemu:connect:, and/],
    [['boot', '--port', 'qemu:listen:localhost'], /^--port .*: an address is HOST:PORT, or a path .*'localhost' is/],
    [['boot', '--port', 'qemu:listen:[::1]:70000'], /^--port .*: an address is HOST:PORT, or a path/],
    [['boot', '--port', 'qemu:connect:localhost:0'], /^--port .*: an address is HOST:PORT/],
    [
      ['boot', '--port', 'qemu:listen:/nonexistent/a', '--exec', 'ls'],
      /^--port 'qemu:listen:\/nonexistent\/a': no socket can be made at \/nonexistent\/a: there is no such folder/,
    ],
    [['boot', '--port', 'relay:http://a/'], /^--port 'relay:http:\/\/a\/': a relay is at ws:\/\/HOST:PORT\/ or wss/],
    [['boot', '--port', 'relay:ws:///'], /^--port .*: a relay is at/],
    [['boot', '--port', 'relay:ws://a:b/'], /^--port .*: a relay is at/],
    [['relay', '--listen', 'here'], /^--listen takes HOST:PORT, such as 127\.0\.0\.1:8087; 'here' is not one\.$/],
    [['relay', '--listen', '/tmp/relay'], /^--listen takes HOST:PORT/],
    [
      ['relay', '--listen', '192.0.2.1:1'],
      /^--listen: 192\.0\.2\.1 is no address of this machine; give one that is\.$/,
    ],
    [
      ['relay', '--origin', 'copy.sh'],
      /^--origin takes a page's origin, such as https:\/\/copy\.sh, or \* .*'copy.sh'/,
    ],
    [['relay', '--connections', '0'], /^--connections takes .*'0'/],
    [['boot', '--guests', '0'], /^--guests .*'0'/],
    [['boot', '--guests', 'two'], /^--guests .*'two'/],
    [['boot', '--queues', '0'], /^--queues .* 1 to 256; '0'/],
    [['boot', '--queues', '257'], /^--queues .* 1 to 256; '257'/],
    [['boot', '--memory', 'lots'], /^--memory .*'lots'/],
    [['boot', '--memory', '64'], /^--memory .*'64'/],
    [['boot', '--capture', ''], /^--capture takes a file, or - for standard output\.$/],
    [
      ['boot', '--capture', '/nowhere/a', '--exec', 'a'],
      /^--capture .* '\/nowhere\/a' is not one: there is no such folder\.$/,
    ],
    [['boot', '--capture', '-', '--json'], /^--capture - and --json both write to standard output/],
    [['boot', '--snap-length', '60', '--exec', 'a'], /^--snap-length is for a capture/],
    [['boot', '--snap-length', '13'], /^--snap-length .* 14 to 262144 of bytes|^--snap-length .*'13'/],
    [['boot', '--mtu', '67'], /^--mtu .*'67'/],
    [['boot', '--features', 'MQ'], /^--features takes names, each with \+ or - before it and commas between; 'MQ'/],
    [['boot', '--features', '+MQ,'], /^--features takes names.*; '' is not one\.$/],
    [
      ['boot', '--features', '+virtio_net_f_mqq'],
      /^--features: no feature is called 'virtio_net_f_mqq'; did you mean MQ/,
    ],
    [['boot', '--features', '-PAKED'], /^--features: no feature is called 'PAKED'; 'vmq features' lists/],
    [
      ['boot', '--features', '-ctrl_vq,+MQ'],
      /^--features '-ctrl_vq,\+MQ' can't be: VIRTIO_NET_F_MQ needs VIRTIO_NET_F_CTRL_VQ/,
    ],
    [['features', 'MQ'], /^Too many arguments/],
    [['boot', '--timeout', '0'], /^--timeout .*'0'/],
    [['boot', '--queus', '4'], /^Unknown option '--queus' \(Did you mean --queues\?\)\.$/],
    [['boot', '--kernel', dirname(file), '--exec', 'ls'], /^--kernel takes a file/],
    [['boot', '--kernel'], /^Option '--kernel <file>' argument missing\.$/],
    [['boot', '--initrd', file], /^--initrd needs the kernel/],
    [['boot', '--kernel', file, '--kernel-package', 'b'], /^--kernel and --kernel-package/],
    [['boot', '--exec', '3:ls'], /^--exec '3:ls' is for guest 3, but the guests are 1 to 2/],
    [['boot', '--exec', '2:'], /^--exec '2:' has no command\.$/],
    [['boot', 'ls'], /^Too many arguments/],
    [['boot', '--kernel', '/nonexistent', '--exec', 'ls'], /^--kernel .*'\/nonexistent'/],
    [['boot'], /^A console needs a terminal.*--exec/],
    [['start'], /^Unknown command 'start'/],
    [['guest', 'build', '--mirror', 'nowhere'], /^--mirror .*'nowhere'/],
    [['tour', '--memory', 'x'], /^--memory/],
  ])('%j is answered by one sentence, and status 2', async (args, sentence) => {
    const { status, stdout, stderr } = await vmq(...args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr.trimEnd()).toMatch(sentence);
    expect(stderr.split('\n')).toHaveLength(2);
    // Nothing was begun.
    expect(await readdir(cache)).toEqual([]);
  });

  it('without a command shows how to use it', async () => {
    const { status, stdout, stderr } = await vmq();
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^Usage: vmq/);
  });
});

describe('help', () => {
  it.each([
    [['--help']],
    [['boot', '--help']],
    [['features', '--help']],
    [['tour', '--help']],
    [['relay', '--help']],
    [['guest', 'build', '--help']],
  ])('%j goes to standard output and fits a narrow terminal', async (args) => {
    const { status, stdout, stderr } = await vmq(...args);
    expect(status).toBe(0);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^Usage: vmq/);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('tells the version of the package', async () => {
    expect(await vmq('--version')).toEqual({ status: 0, stdout: `${packageJson.version}\n`, stderr: '' });
  });
});
