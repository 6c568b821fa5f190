import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';

const folders = ['/usr/bin', '/usr/local/bin', '/snap/bin'];
const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

/** Starts the system's Chromium, or the one that CHROMIUM names, with an empty profile. */
export async function startChromium(): Promise<Browser> {
  const executablePath = findChromium();
  const profile = await mkdtemp(join(tmpdir(), 'virtio-mq-chromium-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath, args, chromiumSandbox: false });
  return {
    newPage: () => context.newPage(),
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

function findChromium(): string {
  const named = process.env.CHROMIUM;
  const paths = named ? [named] : names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = paths.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new Error(
    named
      ? `There is no ${named}; CHROMIUM is the path of a Chromium to test with.`
      : "This machine has no Chromium: install Debian's package chromium, or name another in CHROMIUM.",
  );
}
