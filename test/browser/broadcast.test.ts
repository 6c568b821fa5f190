import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';

import type {} from './broadcastPage.js';
import { startChromium, type Browser } from './chromium.js';
import { noProperties } from '../support/noProperties.js';

let server: Server;
let browser: Browser;

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('broadcastPage.ts', import.meta.url))],
    ...{ bundle: true, format: 'esm', target: 'es2023', platform: 'browser', write: false },
  });
  const html = `<!doctype html><title>A card</title><script type="module">${outputFiles[0].text}</script>`;
  server = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(html));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  browser = await startChromium();
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

async function cardPage(mac: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await page.evaluate((address) => window.start(address), mac);
  return page;
}

/** Sends frames from one page to the card of the other, and answers what that received. */
async function exchange(from: Page, to: Page, frames: number[][]): Promise<number[][]> {
  await from.evaluate((all) => window.page.send(all), frames);
  const received: number[][] = [];
  await expect
    .poll(async () => received.push(...(await to.evaluate(() => window.page.take()))), { timeout: 30_000 })
    .toBeGreaterThanOrEqual(frames.length);
  return received;
}

it('joins the cards of two pages', async () => {
  const [ours, theirs] = [1, 2].map((last) => [0x52, 0x54, 0, 0, 0, last]);
  const near = await cardPage('52:54:00:00:00:01');
  const far = await cardPage('52:54:00:00:00:02');
  const frames = (to: number[], from: number[]): number[][] =>
    [60, 61, 400, 1514].map((length) => [
      ...[...to, ...from, 0x88, 0xb5],
      ...Array.from({ length: length - 14 }, (_, i) => (i * 7 + length) & 0xff),
    ]);
  expect(await exchange(near, far, frames(theirs, ours))).toEqual(frames(theirs, ours));
  expect(await exchange(far, near, frames(ours, theirs))).toEqual(frames(ours, theirs));
  for (const page of [near, far]) {
    const counters = await page.evaluate(() => window.page.counters());
    expect(counters).toMatchObject({ connected: true, inFrames: 4, outFrames: 4, dropped: noProperties });
  }
});
