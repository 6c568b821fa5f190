import { Switch } from '../fabric/index.js';
import { guestAddress } from '../vm/guestAddress.js';
import type { RunOptions, RunResult } from '../vm/index.js';
import { pageClock } from './clock.js';
import { within } from './elements.js';
import { GuestView } from './guestView.js';
import { noWorkers, patience, startNetwork, type PageNetwork } from './network.js';
import { Outside } from './outside.js';
import { OutsideView } from './outsideView.js';
import { plainText } from './screen.js';
import { defaults, readSettings, type Settings } from './settings.js';

export interface PageRunOptions extends RunOptions {
  /** Its number; the page's first when left out. */
  readonly guest?: number;
}

/** The page's guests, for scripts: `await vmq.run('uname -a')` in the browser's developer tools. */
export interface PageApi {
  /** The guests and their cards, when each eth0 is up; fails with what the page shows then. */
  readonly ready: Promise<PageNetwork>;
  /** Runs a command in a guest, as Shell.run does, and then gives the console back to whoever types there. */
  run(command: string, options?: PageRunOptions): Promise<RunResult>;
}

declare global {
  interface Window {
    vmq: PageApi;
  }
}

/** How many of the things that went wrong stay on the page. */
const keptEvents = 100;

const status = within(document, '#status', HTMLElement);
const threads = within(document, '#threads', HTMLElement);
const events = within(document, '#events', HTMLElement);
const query = new URLSearchParams(location.search);

function fail(error: unknown): void {
  status.textContent = messageOf(error);
  status.className = 'failed';
}

function problem(text: string): void {
  const item = document.createElement('li');
  item.textContent = text;
  events.append(item);
  if (events.children.length > keptEvents) events.firstElementChild?.remove();
}

function messageOf(error: unknown): string {
  return plainText(error instanceof Error ? error.message : String(error));
}

/** The form shows what the page was started with; what it has no field for stays in the address. */
function fillForm(): void {
  const form = within(document, '#settings', HTMLFormElement);
  for (const [name, value] of Object.entries(defaults)) {
    const field = form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
    field.value = query.get(name) ?? value;
  }
  for (const [name, value] of query) {
    if (name in defaults) continue;
    const hidden = document.createElement('input');
    Object.assign(hidden, { type: 'hidden', name, value });
    form.append(hidden);
  }
}

const views = new Map<number, GuestView>();

/** A view for each guest, and where there are several, which of them is shown. */
function addViews({ first, guests }: Settings, starting: Promise<PageNetwork>): void {
  const template = within(document, '#guest', HTMLTemplateElement);
  const chooser = within(document, '#chooser', HTMLElement);
  for (let index = 0; index < guests; index++) {
    const number = first + index;
    const view = new GuestView(
      number,
      template,
      starting.then((network) => network.guests[index]),
    );
    views.set(number, view);
    within(document, '#guests', HTMLElement).append(view.element);
    const label = document.createElement('label');
    const radio = Object.assign(document.createElement('input'), { type: 'radio', name: 'chosen' });
    radio.checked = index === 0;
    radio.addEventListener('change', () => choose(number));
    label.append(radio, ` vm${number}, ${guestAddress(number)}`);
    chooser.append(label);
  }
  chooser.hidden = guests === 1;
  choose(first);
}

function choose(chosen: number): void {
  for (const [number, { element }] of views) element.hidden = number !== chosen;
}

async function open(): Promise<PageNetwork> {
  fillForm();
  const settings = readSettings(query);
  const clock = pageClock();
  const fabric = new Switch({ clock, deadline: patience });
  const outside = new Outside(fabric, clock);
  for (const number of settings.broadcast) outside.joinPages(number);
  for (const url of settings.relay) outside.joinRelay(url);
  new OutsideView(within(document, '#outside', HTMLElement), outside, (error) => problem(messageOf(error)));
  if (settings.workers) threads.textContent = noWorkers() ?? '';
  const starting = startNetwork(settings, fabric, {
    problem,
    step: (text) => (status.textContent = text),
    text: (text, guest) => views.get(guest)?.write(text),
  });
  addViews(settings, starting);
  return starting;
}

async function present({ guests, workers }: PageNetwork): Promise<void> {
  for (const { guest, number } of guests) {
    void guest.console.ended.then(({ message }) => fail(guests.length > 1 ? `Guest ${number}: ${message}` : message));
  }
  await Promise.all([...views.values()].map(({ settled }) => settled));
  const seconds = (guests[0].guest.bootMs / 1000).toFixed(1);
  const where = workers ? 'in workers of their own' : "in the page's thread";
  status.textContent = `Linux is up after ${seconds} s, ${where}.`;
}

const ready = open();
ready.then(present).catch(fail);

window.vmq = {
  ready,
  async run(command, { guest, ...options } = {}) {
    const { guests } = await ready;
    const view = views.get(guest ?? guests[0].number);
    if (!view) throw new Error(`There is no guest ${guest} on this page.`);
    return view.run(command, options);
  },
};
