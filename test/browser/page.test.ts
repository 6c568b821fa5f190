import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Switch } from '../../src/fabric/index.js';
import { RelayServer } from '../../src/fabric/index.node.js';
import { systemClock } from '../../src/hosts/v86/index.js';
import { buildGuestImage, type CardReport } from '../../src/vm/index.node.js';
import type {} from '../../src/web/page.js';
import { startChromium, type Browser } from './chromium.js';
import { servePage, type PageServer } from './server.js';
import { noProperties } from '../support/noProperties.js';

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

/** Runs a command in a guest of a page; in its first where no other is named. */
function run(page: Page, command: string, guest?: number): Promise<{ status: number; output: string }> {
  return page.evaluate(
    async ([line, number]) => {
      const { status, output } = await window.vmq.run(line, number === undefined ? {} : { guest: number });
      return { status, output };
    },
    [command, guest] as const,
  );
}

/** Opens a page and waits until its guests are up. Once one has booted they all go on from the browser's snapshot. */
async function open(query: string, prepare?: (page: Page) => Promise<void>): Promise<Page> {
  const page = await browser.newPage();
  await prepare?.(page);
  await page.goto(server.url + query);
  const bootMs = await page.evaluate(async () => (await window.vmq.ready).guests[0].guest.bootMs);
  console.log(`the first guest of ${query || 'the page'} came up after ${(bootMs / 1000).toFixed(1)} s`);
  return page;
}

/** Those of v86 itself are left out. */
const guestWorkers = (page: Page) => page.workers().filter((worker) => worker.url().endsWith('/vm.worker.web.js'));

const usesWorkers = (page: Page): Promise<boolean> => page.evaluate(async () => (await window.vmq.ready).workers);

/** Pings a guest until all answers of a round came: busybox's ping gives up a second after the last request. */
const pingsAnswered = (page: Page, to: number, options = '-c 3') =>
  expect.poll(async () => (await run(page, `ping ${options} 10.0.0.${to}`)).output, { timeout: 60_000 });

type Lane = CardReport['lanes'][number];

interface Passed {
  readonly sent: number;
  readonly came: number;
}

const sum = ({ lanes }: CardReport, of: (lane: Lane) => number): number =>
  lanes.reduce((all, lane) => all + of(lane), 0);

describe('guests in workers of a page', () => {
  let page: Page;
  let complained: string[];

  beforeAll(async () => {
    page = await open('', (made) => Promise.resolve(void (complained = complaints(made))));
  });

  afterAll(() => page?.close());

  const reports = (): Promise<CardReport[]> =>
    page.evaluate(async () => Promise.all((await window.vmq.ready).guests.map(({ card }) => card.report())));

  it('run Linux for i386, in a thread each', async () => {
    expect(await usesWorkers(page)).toBe(true);
    expect(guestWorkers(page)).toHaveLength(2);
    expect(await page.locator('#threads').textContent()).toBe('');
    expect(await run(page, 'uname -sm')).toEqual({ status: 0, output: 'Linux i686\n' });
    expect((await run(page, 'hostname', 2)).output).toBe('vm2\n');
  });

  it('give a command back byte for byte', async () => {
    const bytes = await page.evaluate(async () => [...(await window.vmq.run(`printf '\\000\\377é\\n'; exit 3`)).bytes]);
    expect(bytes).toEqual([0, 0xff, 0xc3, 0xa9, 0x0a]);
    expect((await run(page, 'exit 3')).status).toBe(3);
  });

  it('set the queue pairs with ethtool', async () => {
    expect(await run(page, 'ethtool -L eth0 combined 4')).toEqual({ status: 0, output: '' });
    const { status, output } = await run(page, 'ethtool -l eth0');
    expect(status).toBe(0);
    expect(output.match(/^Combined:\s+4$/gm)).toHaveLength(2);
    expect((await reports()).map(({ queuePairsInUse }) => queuePairsInUse)).toEqual([4, 1]);
    expect((await run(page, 'ethtool -L eth0 combined 5')).status).not.toBe(0);
  });

  it('have an interrupt for each queue', async () => {
    const { output } = await run(page, 'cat /proc/interrupts');
    const found = [...output.matchAll(/\svirtio0-(\S+)$/gm)].map(([, name]) => name);
    expect(found).toEqual(['config', ...pairs.flatMap((pair) => [`input.${pair}`, `output.${pair}`])]);
  });

  it('reach each other, and lose nothing', async () => {
    const before = await atRest();
    await pingsAnswered(page, 2, '-c 5 -s 1400').toContain('5 packets received');
    const [near, far] = await reports();
    expect(sum(near, ({ txBytes }) => txBytes)).toBeGreaterThan(5 * 1400);
    expect(sum(far, ({ txBytes }) => txBytes)).toBeGreaterThan(5 * 1400);
    await expect.poll(() => missing(before), { timeout: 10_000 }).toEqual([0, 0]);
    await nothingDropped();
  });

  it('send on all pairs', async () => {
    const before = await atRest();
    const { status, output } = await run(
      page,
      `bash -c 'for port in {1000..1063}; do echo flow >/dev/udp/10.0.0.2/$port || exit; done'`,
    );
    expect({ status, output }).toEqual({ status: 0, output: '' });
    const [{ lanes, vectors }] = await reports();
    for (const pair of pairs) {
      expect(lanes[pair].txFrames).toBeGreaterThan(0);
      expect(vectors.find(({ use }) => use === `output.${pair}`)?.fired).toBeGreaterThan(0);
    }
    await expect.poll(() => missing(before), { timeout: 10_000 }).toEqual([0, 0]);
    await nothingDropped();
  });

  /** Frames that each guest sent, and those that came to its card. */
  async function passed(): Promise<Passed[]> {
    const came = ({ rxFrames, filtered }: Lane): number =>
      rxFrames + Object.values(filtered).reduce((all, count) => all + count, 0);
    return (await reports()).map((card) => ({ sent: sum(card, ({ txFrames }) => txFrames), came: sum(card, came) }));
  }

  /** The same once nothing is under way. What a guest sent before the other was up came to nobody. */
  async function atRest(): Promise<Passed[]> {
    let before: Passed[] = [];
    const unchanged = async (): Promise<boolean> => {
      const now = await passed();
      const same = isDeepStrictEqual(now, before);
      before = now;
      return same;
    };
    await expect.poll(unchanged, { timeout: 30_000, interval: 1000 }).toBe(true);
    return before;
  }

  /** How many frames each guest sent since then that did not come to the other. */
  async function missing(before: readonly Passed[]): Promise<number[]> {
    const now = await passed();
    return now.map(({ sent }, i) => sent - before[i].sent - (now[1 - i].came - before[1 - i].came));
  }

  async function nothingDropped(): Promise<void> {
    for (const { lanes } of await reports()) expect(lanes.map(({ dropped }) => dropped)).toEqual(lanes.map(() => ({})));
  }

  it('take keys, and lines from the field below, and show their answers', async () => {
    await page.locator('.screen:visible').click();
    await page.keyboard.type('echo $((6*7))-keyz');
    await page.keyboard.press('Backspace');
    await page.keyboard.type('s');
    await page.keyboard.press('Enter');
    await page.getByText('42-keys', { exact: false }).waitFor();
    await page.getByLabel('Type a line').first().fill('echo $((6*9))-line');
    await page.keyboard.press('Enter');
    await page.getByText('54-line', { exact: false }).waitFor();
    // And a script's commands still work after that.
    expect((await run(page, 'echo after')).output).toBe('after\n');
  });

  it('have their cards and consoles shown, one guest at a time', async () => {
    const fact = page.locator('.facts:visible').getByRole('row', { name: 'Queue pairs in use' });
    const shown = async (): Promise<string[]> => {
      const texts = await page.locator('.pairs:visible tbody td:nth-child(4)').allTextContents();
      return [(await fact.textContent()) ?? '', ...texts];
    };
    /** What stands there has caught up with the card, which has done something. */
    const follows = async (guest: number): Promise<void> => {
      const current = async (): Promise<string> => {
        const { queuePairs, queuePairsInUse, lanes } = (await reports())[guest - 1];
        const use = `Queue pairs in use${queuePairsInUse} of ${queuePairs}`;
        return JSON.stringify([use, ...lanes.map(({ txFrames }) => txFrames.toLocaleString('en'))]);
      };
      await expect
        .poll(async () => JSON.stringify(await shown()) === (await current()), { timeout: 10_000 })
        .toBe(true);
    };
    await run(page, 'ethtool -L eth0 combined 3; ping -c 3 -i 0.2 10.0.0.2');
    await follows(1);
    expect((await shown())[0]).toContain('3 of 4');
    expect(await page.locator('.vectors:visible tbody tr').count()).toBe(2 * pairs.length + 2);
    await page.getByLabel('vm2').check();
    await follows(2);
    expect((await shown())[0]).toContain('1 of 4');
    await page.locator('.screen:visible').click();
    await page.keyboard.type('echo on $(hostname)\n');
    await page.locator('.screen:visible').getByText('on vm2').waitFor();
  });

  it('break no rule, and the browser has nothing to complain about', async () => {
    if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
    expect(await page.locator('#events li').allTextContents()).toEqual([]);
    expect(complained).toEqual([]);
  });

  it('say when a worker breaks, and leave the other guest alone', async () => {
    const [worker] = guestWorkers(page);
    await worker.evaluate(() => void setTimeout(() => void Promise.reject(new Error('broken on purpose'))));
    const failure = page.locator('#status.failed');
    await failure.waitFor();
    expect(await failure.textContent()).toMatch(/Guest 1: The guest's worker failed: .*broken on purpose/);
    expect((await run(page, 'echo still here', 2)).output).toBe('still here\n');
    await page.getByLabel('vm1').check();
    await page.locator('.card:visible').getByText('The card is gone').waitFor();
  });

  it('say when a guest gives its card up', async () => {
    await page.getByLabel('vm2').check();
    const slot = await page.evaluate(async () => (await window.vmq.ready).guests[1].card.slot);
    expect(await run(page, `echo 0 >/sys/bus/pci/slots/${slot}/power`, 2)).toEqual({ status: 0, output: '' });
    await page.locator('.card:visible').getByText('The card is gone').waitFor();
  });
});

describe('pages that are joined', () => {
  let near: Page;
  let far: Page;

  beforeAll(async () => {
    near = await open('?guests=1&broadcast=3');
    far = await open('?guests=1&first=2');
  });

  afterAll(async () => {
    await near?.close();
    await far?.close();
  });

  const row = (page: Page, name: string) => page.locator('.outside').getByRole('row', { name });

  it('reach each other by a BroadcastChannel, until one leaves it', async () => {
    await far.getByLabel('Pages of this browser').fill('3');
    await far.locator('form.broadcast button').click();
    await pingsAnswered(far, 1).toContain('3 packets received');
    await pingsAnswered(near, 2).toContain('3 packets received');
    for (const page of [near, far]) {
      const cells = await row(page, 'v86-inbrowser-3').locator('td').allTextContents();
      expect(cells.slice(0, 2)).toEqual(['v86-inbrowser-3', 'joined']);
      expect(cells[6]).toBe('none');
    }
    await row(far, 'v86-inbrowser-3').getByRole('button', { name: 'Leave' }).click();
    await row(far, 'v86-inbrowser-3').waitFor({ state: 'detached' });
    expect((await run(far, 'ping -c 1 -W 1 10.0.0.1')).status).not.toBe(0);
  });

  it('reach each other by a WebSocket relay, show how it stands, and find it again', async () => {
    const fabric = new Switch({ clock: systemClock });
    const listen = (port: number): Promise<RelayServer> =>
      RelayServer.listen({ host: '127.0.0.1', port }, fabric, { clock: systemClock });
    const relay = await listen(0);
    const { url } = relay;
    try {
      for (const page of [near, far]) {
        await page.getByLabel('WebSocket relay').fill(url);
        await page.locator('form.relay button').click();
        await row(page, url).getByText('connected', { exact: true }).waitFor();
      }
      await pingsAnswered(far, 1).toContain('3 packets received');
      const { ports } = relay.counters();
      expect(ports).toHaveLength(2);
      for (const counters of ports) {
        expect(counters).toMatchObject({ connected: true, dropped: noProperties });
        expect(counters.inFrames).toBeGreaterThanOrEqual(3);
      }
    } finally {
      await relay.close();
    }
    await row(near, url).getByText('not connected: the WebSocket was closed').waitFor();
    const again = await listen(Number(new URL(url).port));
    await row(near, url).getByText('connected', { exact: true }).waitFor();
    await again.close();
    fabric.close();
  });

  it('say what can not be joined', async () => {
    await near.getByLabel('WebSocket relay').fill('http://127.0.0.1/');
    await near.locator('form.relay button').click();
    expect(await near.locator('#events li').allTextContents()).toEqual([expect.stringMatching(/relay has a URL like/)]);
  });
});

describe('a page without shared memory', () => {
  /** What a server that does not know of isolation would answer. */
  const withoutHeaders = async (page: Page): Promise<void> => {
    await page.route('**/*', async (route) => {
      const response = await route.fetch();
      const headers = Object.entries(response.headers()).filter(([name]) => !name.startsWith('cross-origin'));
      await route.fulfill({ response, headers: Object.fromEntries(headers) });
    });
  };

  it('has its guests in one thread, and says why', async () => {
    const page = await open('', withoutHeaders);
    expect(await usesWorkers(page)).toBe(false);
    expect(guestWorkers(page)).toEqual([]);
    expect(await page.locator('#threads').textContent()).toMatch(/one thread: its server does not send the headers/);
    await pingsAnswered(page, 2).toContain('3 packets received');
    await page.close();
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
    await said('?first=254', /numbers from 1 to 254/);
  });

  it("says that a worker's script is missing", async () => {
    const page = await browser.newPage();
    await page.route('**/vm.worker.web.js', (route) => route.abort());
    await page.goto(server.url);
    await page.locator('#status.failed').getByText('script could not be loaded').waitFor();
    await page.close();
  });
});
