import type { GuestConsole, RunOptions, RunResult } from '../vm/index.js';
import { cardTables } from './cardView.js';
import { ConsoleView } from './consoleView.js';
import { within } from './elements.js';
import type { PageCard, PageGuest } from './network.js';

/** How often the card's tables are drawn, in milliseconds. */
const refreshMs = 1000;

/** One guest on the page: its console and its card. */
export class GuestView {
  readonly element: HTMLElement;
  private readonly view: ConsoleView;
  private readonly card: HTMLElement;
  /** What keys go to, once somebody is there to read them. */
  private typing: GuestConsole | undefined;
  /** While a command of a script runs the console is the script's alone: nothing is shown, and no key gets between. */
  private shown = true;
  /** Commands of scripts wait for each other. */
  private turn: Promise<unknown>;
  private readonly ready: Promise<PageGuest>;

  /** @param ready the guest, once it is up */
  constructor(number: number, template: HTMLTemplateElement, ready: Promise<PageGuest>) {
    this.element = within(template.content.cloneNode(true) as DocumentFragment, 'section', HTMLElement);
    this.element.setAttribute('aria-label', `Guest ${number}`);
    this.element.dataset.guest = String(number);
    this.card = within(this.element, '.card', HTMLElement);
    this.view = new ConsoleView(
      {
        screen: within(this.element, '.screen', HTMLElement),
        form: within(this.element, '.line', HTMLFormElement),
        input: within(this.element, '.line input', HTMLInputElement),
      },
      (text) => {
        if (this.shown) this.typing?.write(text);
      },
    );
    this.ready = ready;
    this.turn = ready.then(
      (guest) => this.present(guest),
      () => undefined,
    );
  }

  /** What the guest shows. */
  write(text: string): void {
    if (this.shown) this.view.write(text);
  }

  /** Settles when the console is there to type at. */
  get settled(): Promise<unknown> {
    return this.turn;
  }

  /** Runs a command in the guest, as Shell.run does, and then gives the console back to whoever types there. */
  run(command: string, options?: RunOptions): Promise<RunResult> {
    const result = this.turn.then(() => this.perform(command, options));
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async present({ guest, card }: PageGuest): Promise<void> {
    let ended = false;
    void guest.console.ended.then(() => (ended = true));
    const draw = async (): Promise<void> => {
      // Nobody sees those of a guest that is not chosen.
      const seen = !this.element.hidden || !this.card.firstChild;
      if (ended || (seen && !(await this.drawCard(card)))) this.card.append(lastNote());
      else setTimeout(() => void draw(), refreshMs);
    };
    await draw();
    // As a login does, so that the console begins with a prompt.
    this.view.clear();
    await guest.shell.interactive();
    this.typing = guest.console;
  }

  /** Answers whether there is still a card. */
  private async drawCard(card: PageCard): Promise<boolean> {
    const report = await card.report().catch(() => undefined);
    if (report) this.card.replaceChildren(...cardTables(report, card.slot));
    return report !== undefined;
  }

  private async perform(command: string, options?: RunOptions): Promise<RunResult> {
    const { guest } = await this.ready;
    this.shown = false;
    try {
      const result = await guest.run(command, options);
      this.view.write(`${command}\n${result.output}`);
      return result;
    } finally {
      this.shown = true;
      // What the command came to counts; a shell that does not answer is the next command's trouble.
      await guest.shell.interactive().catch(() => undefined);
    }
  }
}

function lastNote(): HTMLElement {
  const note = document.createElement('p');
  note.textContent = 'The card is gone; this is how it was last.';
  return note;
}
