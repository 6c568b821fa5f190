import { dirname } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { LaneCounters } from '../../src/net/index.js';
import type {} from '../../src/web/page.js';
import { buildGuestImage } from '../../src/vm/index.node.js';
import { startChromium, type Browser } from './chromium.js';
import { servePage, type PageServer } from './server.js';

const pairs = [0, 1, 2, 3];

/** Where VMQ_SCREENSHOT is set, a picture of the page at the end goes there. */
const screenshot = process.env.VMQ_SCREENSHOT;

let server: PageServer;
let browser: Browser;

beforeAll(async () => {
  browser = await startChromium();
  server = await servePage(dirname((await buildGuestImage()).kernel));
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

/** Everything that the browser complains about in a page. */
function complaints(page: Page): string[] {
  const list: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') list.push(message.text());
  });
  page.on('pageerror', (error) => list.push(error.message));
  return list;
}

/** Frames, as those for multicast groups, that the guest sent to itself and did not want. */
const filtered = (lane: LaneCounters): number => Object.values(lane.filtered).reduce((sum, count) => sum + count, 0);

describe('a guest in the page', () => {
  let page: Page;
  let complained: string[];

  beforeAll(async () => {
    page = await browser.newPage();
    complained = complaints(page);
    await page.goto(server.url);
    const bootMs = await page.evaluate(async () => (await window.vmq.ready).guest.bootMs);
    console.log(`the guest in the browser came up after ${(bootMs / 1000).toFixed(1)} s`);
    // A neighbour with the card's own address, so that the guest takes what comes back for its own.
    await run('ip neighbour replace 10.0.0.2 lladdr $(cat /sys/class/net/eth0/address) dev eth0');
  });

  const run = (command: string): Promise<{ status: number; output: string }> =>
    page.evaluate(async (line) => {
      const { status, output } = await window.vmq.run(line);
      return { status, output };
    }, command);

  const counters = () => page.evaluate(async () => (await window.vmq.ready).card.device.counters);

  it('runs Linux for i386', async () => {
    expect(await run('uname -sm')).toEqual({ status: 0, output: 'Linux i686\n' });
  });

  it('gives a command back byte for byte', async () => {
    const bytes = await page.evaluate(async () => [...(await window.vmq.run(`printf '\\000\\377é\\n'; exit 3`)).bytes]);
    expect(bytes).toEqual([0, 0xff, 0xc3, 0xa9, 0x0a]);
    expect((await run('exit 3')).status).toBe(3);
  });

  it('sets the queue pairs with ethtool', async () => {
    expect(await run('ethtool -L eth0 combined 4')).toEqual({ status: 0, output: '' });
    const { status, output } = await run('ethtool -l eth0');
    expect(status).toBe(0);
    expect(output.match(/^Combined:\s+4$/gm)).toHaveLength(2);
    expect(await page.evaluate(async () => (await window.vmq.ready).card.device.lanes)).toBe(4);
    expect((await run('ethtool -L eth0 combined 5')).status).not.toBe(0);
  });

  it('has an interrupt for each queue', async () => {
    const { output } = await run('cat /proc/interrupts');
    const found = [...output.matchAll(/\svirtio0-(\S+)$/gm)].map(([, name]) => name);
    expect(found).toEqual(['config', ...pairs.flatMap((pair) => [`input.${pair}`, `output.${pair}`])]);
  });

  it('receives what it sends', async () => {
    const before = await counters();
    const { status, output } = await run(`
      timeout 20 tcpdump -i eth0 -Q in -c 5 -n -x 'icmp[icmptype] == icmp-echo' 2>/dev/null >/tmp/seen &
      sleep 2
      ping -q -c 5 -i 0.2 -W 1 -s 1400 -p a5 10.0.0.2 >/dev/null
      wait $!
      status=$?
      cat /tmp/seen
      exit $status
    `);
    expect(status).toBe(0);
    expect(output.match(/10\.0\.0\.1 > 10\.0\.0\.2: ICMP echo request, .* length 1408/g)).toHaveLength(5);
    // Behind the time stamp each packet is full of the pattern.
    expect(output.match(/a5a5/g)!.length).toBeGreaterThan(5 * 650);
    const after = await counters();
    const grown = (name: 'rxFrames' | 'rxBytes' | 'txFrames' | 'txBytes'): number =>
      after.reduce((sum, lane, pair) => sum + lane[name] - before[pair][name], 0);
    expect(grown('txFrames')).toBeGreaterThanOrEqual(5);
    expect(grown('txBytes')).toBeGreaterThan(5 * 1400);
    const unwanted = (lanes: readonly LaneCounters[]): number => lanes.reduce((sum, lane) => sum + filtered(lane), 0);
    expect(grown('rxFrames') + unwanted(after) - unwanted(before)).toBe(grown('txFrames'));
    expect(grown('rxBytes')).toBeGreaterThan(5 * 1400);
  });

  it('spreads flows over all pairs', async () => {
    const { status, output } = await run(
      `bash -c 'for port in {1000..1063}; do echo flow >/dev/udp/10.0.0.2/$port || exit; done'`,
    );
    expect({ status, output }).toEqual({ status: 0, output: '' });
    const after = await counters();
    const fired = await page.evaluate(async () =>
      (await window.vmq.ready).card.function.vectorUses().map(({ use, fired }) => ({ use, fired })),
    );
    for (const pair of pairs) {
      expect(after[pair].txFrames).toBeGreaterThan(0);
      expect(after[pair].rxFrames + filtered(after[pair])).toBe(after[pair].txFrames);
      expect(after[pair].dropped).toEqual({});
      expect(fired.find(({ use }) => use === `input.${pair}`)?.fired).toBeGreaterThan(0);
    }
  });

  it("takes keys, and lines from the field below, and shows the guest's answers", async () => {
    await page.locator('#screen').click();
    await page.keyboard.type('echo $((6*7))-keyz');
    await page.keyboard.press('Backspace');
    await page.keyboard.type('s');
    await page.keyboard.press('Enter');
    await page.getByText('42-keys', { exact: false }).waitFor();
    await page.getByLabel('Type a line').fill('echo $((6*9))-line');
    await page.keyboard.press('Enter');
    await page.getByText('54-line', { exact: false }).waitFor();
    // And a script's commands still work after that.
    expect((await run('echo after')).output).toBe('after\n');
  });

  it("shows the card's state", async () => {
    const fact = page.locator('#facts').getByRole('row', { name: 'Queue pairs in use' });
    await expect.poll(() => fact.textContent(), { timeout: 5000 }).toContain('4 of 4');
    await run('ethtool -L eth0 combined 3');
    await expect.poll(() => fact.textContent(), { timeout: 5000 }).toContain('3 of 4');
    const shown = (): Promise<string[]> => page.locator('#pairs tbody tr td:nth-child(4)').allTextContents();
    const counted = async (): Promise<string[]> =>
      (await counters()).map(({ txFrames }) => txFrames.toLocaleString('en'));
    const before = await shown();
    await run('ping -c 3 -i 0.2 -W 1 10.0.0.2');
    await expect.poll(async () => (await shown()).join() === (await counted()).join(), { timeout: 5000 }).toBe(true);
    expect(await shown()).not.toEqual(before);
    expect(await page.locator('#vectors tbody tr').count()).toBe(2 * pairs.length + 2);
  });

  it('breaks no rule, and the browser has nothing to complain about', async () => {
    if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
    expect(await page.locator('#events li').allTextContents()).toEqual([]);
    expect(complained).toEqual([]);
  });
});

describe('a page that cannot start', () => {
  const said = async (query: string, pattern: RegExp): Promise<void> => {
    const page = await browser.newPage();
    await page.goto(server.url + query);
    const failure = page.locator('#status.failed');
    await failure.waitFor();
    expect(await failure.textContent()).toMatch(pattern);
    await page.close();
  };

  it('names the files that are missing', async () => {
    await said(
      '?kernel=guest/none&bios=guest/nothing',
      /kernel .*guest\/none: there is no such file.*\n.*BIOS .*guest\/nothing/,
    );
  });

  it('says what is wrong with a file', async () => {
    await said('?kernel=guest/bios.bin', /not a bzImage/);
  });

  it('says what is wrong with a number', async () => {
    await said('?memory=lots', /MiB of memory/);
  });
});
