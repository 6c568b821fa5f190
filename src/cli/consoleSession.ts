import type { KeyActions } from './keys.js';
import type { Station } from './network.js';
import { Screen } from './screen.js';
import { coloursFor, type Output } from './streams.js';

/** One guest's part in a session. */
interface View {
  readonly station: Station;
  readonly screen: Screen;
  ended: boolean;
}

/** A person's time at the consoles of the guests. */
export class ConsoleSession implements KeyActions {
  private readonly views: readonly View[];
  private readonly output: Output;
  private readonly over: Promise<void>;
  private settle: (error?: Error) => void = () => undefined;
  private readonly undo: (() => void)[] = [];
  private current: View;
  private closed = false;

  constructor(stations: readonly Station[], output: Output) {
    this.views = stations.map((station) => ({ station, screen: new Screen(output), ended: false }));
    this.current = this.views[0];
    this.output = output;
    this.over = new Promise((resolve, reject) => {
      this.settle = (error) => (error ? reject(error) : resolve());
    });
  }

  /** Has the shells talk to people; what they show from now on is kept for them. */
  async open(): Promise<void> {
    for (const view of this.views) {
      const { console } = view.station.guest;
      this.undo.push(console.attach((text) => view.screen.receive(text)));
      void console.ended.then(({ message }) => this.guestEnded(view, message));
    }
    // A guest whose shell does not answer is for the person to see.
    await Promise.allSettled(this.views.map(({ station }) => station.guest.shell.interactive()));
  }

  /** Shows the consoles until `end` is called or no guest is left. @throws what `end` was given */
  async run(): Promise<void> {
    this.help();
    try {
      await this.over;
    } finally {
      this.closed = true;
      this.undo.forEach((step) => step());
      this.output.write('\r\n');
    }
  }

  end(error?: Error): void {
    this.settle(error);
  }

  type(text: string): void {
    this.current.station.guest.console.write(text);
  }

  show(guest: number): void {
    const view = this.views.find(({ station }) => station.number === guest);
    if (!view) this.say(`There is no guest ${guest}; the guests are ${this.first} to ${this.last}.`);
    this.look(view ?? this.current);
  }

  showNext(): void {
    this.look(this.views[(this.views.indexOf(this.current) + 1) % this.views.length]);
  }

  help(): void {
    this.explain();
    this.look(this.current);
  }

  quit(): void {
    this.end();
  }

  private get first(): number {
    return this.views[0].station.number;
  }

  private get last(): number {
    return this.views.at(-1)!.station.number;
  }

  private explain(): void {
    const { first, last } = this;
    const numbers = first <= 9 ? `${first}-${Math.min(9, last)} shows that guest, ` : '';
    const guests = first < last ? `${numbers}n the next, `.replace(/^n/, 'n shows') : '';
    this.say(`Ctrl-] and then: ${guests}q quits, ? shows the keys, Ctrl-] types itself.`);
  }

  private look(view: View): void {
    this.current.screen.hide();
    this.current = view;
    const { number, ip } = view.station;
    this.say(`── guest ${number}, ${ip} ──${view.ended ? ' it has ended' : ''}`);
    view.screen.show();
  }

  private guestEnded(view: View, message: string): void {
    if (this.closed) return;
    view.ended = true;
    const [sentence = ''] = message.split(' Its console');
    this.say(sentence.replace(/^The guest/, `Guest ${view.station.number}`));
    const left = this.views.find(({ ended }) => !ended);
    if (!left) this.end();
    else if (view === this.current) this.look(left);
  }

  /** A line of the command's own, apart from what guests show. */
  private say(text: string): void {
    this.output.write(`\r\n${coloursFor(this.output).dim(text)}\r\n`);
  }
}
