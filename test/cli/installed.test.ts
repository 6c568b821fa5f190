import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import packageJson from '../../package.json' with { type: 'json' };
import { InstalledCommand } from './installed.js';

describe('the installed command', () => {
  let command: InstalledCommand;

  beforeAll(async () => {
    command = await InstalledCommand.create();
  });
  afterAll(() => command.remove());

  it('can be called by its name', async () => {
    expect(await readFile(command.script, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(packageJson.bin.vmq).toBe('dist/vmq.js');
  });

  it('tells its version', async () => {
    expect(await command.run(['--version'])).toEqual({ status: 0, stdout: `${packageJson.version}\n`, stderr: '' });
  });

  it('ends bad use with status 2 and a sentence', async () => {
    const { status, stdout, stderr } = await command.run(['boot', '--queues', '0']);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toBe("--queues takes a whole number from 1 to 256; '0' is not one.\n");
  });

  it('has no console without a terminal', async () => {
    const { status, stderr } = await command.run(['boot']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^A console needs a terminal.*--exec.*\n$/);
  });
});
