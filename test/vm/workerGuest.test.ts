import { Buffer } from 'buffer/index.js';
import * as Comlink from 'comlink';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { GuestEnded } from '../../src/vm/failures.js';
import { WorkerGuest, type GuestWorker, type WorkerCard } from '../../src/vm/worker/guest.js';
import { settle } from './lines.js';

/** What a worker has at its other end: a machine that does as it is told at once, with a shell that says yes to everything. */
class FakeHost {
  private show: (bytes: Uint8Array) => void = () => undefined;

  create(_options: unknown, onBytes: (bytes: Uint8Array) => void): void {
    this.show = onBytes;
  }

  /** Prints the markers that it is asked for, and the name of an interface between them. */
  send(bytes: Uint8Array): void {
    const markers = Buffer.from(bytes)
      .toString()
      .matchAll(/\\036([0-9a-f]{16}):(%d)?\\036/g);
    const shown = [...markers].map(([, token, status]) => `\x1e${token}:${status ? 0 : ''}\x1e`);
    if (shown.length > 0) this.show(Buffer.from(shown.join('eth0\n')));
  }

  say(text: string): void {
    this.show(Buffer.from(text));
  }

  restore(): void {
    // It is in that state already.
  }

  run(): void {
    // It runs.
  }

  pause(): void {
    // It stands still.
  }

  save(): ArrayBuffer {
    return new ArrayBuffer(4);
  }

  plug(): number {
    return 2;
  }

  report(): string {
    return 'a report';
  }

  links(): string[] {
    return ['a link'];
  }

  /** This guest keeps its card. */
  unplug(): Promise<void> {
    return new Promise(() => undefined);
  }

  destroy(): void {
    // Nothing is left of it.
  }
}

/** A worker that is none, and what has it fail: nobody answers from then on. */
function fakeWorker(): { readonly worker: GuestWorker; readonly fail: () => void } {
  const { port1, port2 } = new MessageChannel();
  let alive = true;
  const silence = (): Promise<never> => new Promise(() => undefined);
  const get = (host: FakeHost, name: string | symbol): unknown => (alive ? Reflect.get(host, name) : silence);
  const Host = new Proxy(FakeHost, { construct: (Class) => new Proxy(new Class(), { get }) });
  Comlink.expose(Host, port2);
  let settleFailed: (error: Error) => void = () => undefined;
  const failed = new Promise<Error>((resolve) => (settleFailed = resolve));
  return {
    worker: { endpoint: port1, failed, terminate: () => port2.close() },
    fail: () => {
      alive = false;
      settleFailed(new Error('broken'));
    },
  };
}

let fail: () => void;
let guest: WorkerGuest;
let card: WorkerCard;

beforeEach(async () => {
  const fake = fakeWorker();
  fail = fake.fail;
  const none = new Uint8Array(0);
  guest = await WorkerGuest.create(fake.worker, {
    files: { bios: none, vgaBios: none },
    wasm: {},
    snapshot: new ArrayBuffer(4),
  });
  card = await guest.addCard();
});
afterEach(() => guest.stop());

/** Everything that a worker is asked for. */
const questions: readonly [string, () => Promise<unknown>][] = [
  ['pause', () => guest.pause()],
  ['resume', () => guest.resume()],
  ['suspend', () => guest.suspend()],
  ['save', () => guest.save()],
  ['addCard', () => guest.addCard()],
  ['links', () => guest.links()],
  ['a report', () => card.report()],
  ['setLink', () => card.setLink(false)],
  ['unplug', () => card.unplug()],
  ['a new link', () => guest.member.removeLink('guest 2')],
];

/** Its worker is gone, and the guest knows. */
async function breakDown(): Promise<void> {
  fail();
  await guest.console.ended;
}

/** What comes of a question: an error, where it is one, or else the answer. */
const outcome = (question: () => Promise<unknown>): Promise<unknown> => question().catch((error: unknown) => error);

describe('a guest whose worker failed', () => {
  it.each(questions)('says so when it is asked for %s', async (_, question) => {
    await breakDown();
    const error = await outcome(question);
    expect(error).toBeInstanceOf(GuestEnded);
    expect((error as Error).message).toMatch(/^The guest's worker failed: Error: broken/);
  });

  it('lets nobody wait for an answer', async () => {
    const asked = outcome(() => card.unplug());
    await settle();
    fail();
    expect(await asked).toEqual(new GuestEnded("The guest's worker failed: Error: broken"));
  });

  it('gives that reason after it was stopped too', async () => {
    await breakDown();
    await guest.stop();
    expect(await outcome(() => card.report())).toEqual(new GuestEnded("The guest's worker failed: Error: broken"));
  });
});

describe('a guest that was stopped', () => {
  it.each(questions)('says so when it is asked for %s', async (_, question) => {
    await guest.stop();
    const error = await outcome(question);
    expect(error).toBeInstanceOf(GuestEnded);
    expect((error as Error).message).toMatch(/^The guest was stopped\./);
  });

  it('lets nobody wait for an answer', async () => {
    const asked = outcome(() => card.unplug());
    await settle();
    await guest.stop();
    expect(await asked).toEqual(new GuestEnded('The guest was stopped.'));
  });
});

it('still reports of a guest whose kernel panicked', async () => {
  await guest.ask((host) => (host as unknown as Comlink.Remote<FakeHost>).say('---[ end Kernel panic - not syncing'));
  await guest.console.ended;
  expect(await card.report()).toBe('a report');
  expect(await guest.links()).toEqual(['a link']);
});
