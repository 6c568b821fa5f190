import type { GuestConsole, RunOptions, RunResult } from '../vm/index.js';
import { cardTables } from './cardView.js';
import { ConsoleView } from './consoleView.js';
import { startMachine, type Machine } from './machine.js';
import { plainText } from './screen.js';
import { readSettings } from './settings.js';

/** The page's guest, for scripts: `await vmq.run('uname -a')` in the browser's developer tools. */
export interface PageApi {
  /** The guest and its card, when eth0 is up; fails with what the page shows then. */
  readonly ready: Promise<Machine>;
  /** Runs a command in the guest, as Shell.run does, and then gives the console back to whoever types there. */
  run(command: string, options?: RunOptions): Promise<RunResult>;
}

declare global {
  interface Window {
    vmq: PageApi;
  }
}

/** How often the card's tables are drawn, in milliseconds. */
const refreshMs = 1000;

/** How many of the things that went wrong stay on the page. */
const keptEvents = 100;

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} called ${id}`);
  return found;
}

const status = element('status', HTMLElement);
const card = element('card', HTMLElement);
const events = element('events', HTMLElement);
const view = new ConsoleView(
  {
    screen: element('screen', HTMLElement),
    form: element('line', HTMLFormElement),
    input: element('command', HTMLInputElement),
  },
  (text) => {
    if (shown) typing?.write(text);
  },
);

/** What keys go to, once somebody is there to read them. */
let typing: GuestConsole | undefined;

/** While a command of a script runs the console is the script's alone: nothing is shown, and no key gets between. */
let shown = true;

const ready = startMachine(readSettings(new URLSearchParams(location.search)), {
  step: (text) => (status.textContent = text),
  text: (text) => {
    if (shown) view.write(text);
  },
  problem: (text) => {
    const item = document.createElement('li');
    item.textContent = text;
    events.append(item);
    if (events.children.length > keptEvents) events.firstElementChild?.remove();
  },
});

function fail(error: unknown): void {
  status.textContent = plainText(error instanceof Error ? error.message : String(error));
  status.className = 'failed';
}

let turn: Promise<unknown> = ready.then(present, fail);

async function present(machine: Machine): Promise<void> {
  const { guest } = machine;
  void guest.console.ended.then(fail);
  const draw = (): void => card.replaceChildren(...cardTables(machine.card));
  draw();
  setInterval(draw, refreshMs);
  // As a login does, so that the console begins with a prompt.
  view.clear();
  await guest.shell.interactive();
  typing = guest.console;
  status.textContent = `Linux is up after ${(guest.bootMs / 1000).toFixed(1)} s. Its eth0 receives what it sends.`;
}

async function perform(command: string, options?: RunOptions): Promise<RunResult> {
  const { guest } = await ready;
  shown = false;
  try {
    const result = await guest.run(command, options);
    view.write(`${command}\n${result.output}`);
    return result;
  } finally {
    shown = true;
    // What the command came to counts; a shell that does not answer is the next command's trouble.
    await guest.shell.interactive().catch(() => undefined);
  }
}

window.vmq = {
  ready,
  run(command, options) {
    const result = turn.then(() => perform(command, options));
    turn = result.catch(() => undefined);
    return result;
  },
};
