/** The key that the console keeps for itself, Ctrl-]; what comes after it says what to do. */
export const escapeKey = '\x1d';

/** What keys can ask of the console. */
export interface KeyActions {
  /** Gives text to the guest that is seen. */
  type(text: string): void;
  /** Shows another guest; the first is 1. */
  show(guest: number): void;
  showNext(): void;
  help(): void;
  quit(): void;
}

/** The keys after Ctrl-], apart from a guest's number. */
const escaped: Readonly<Record<string, (actions: KeyActions) => void>> = {
  n: (actions) => actions.showNext(),
  q: (actions) => actions.quit(),
  '?': (actions) => actions.help(),
  [escapeKey]: (actions) => actions.type(escapeKey),
};

/** Tells the keys apart that are meant for the console from those for the guest, however they arrive in pieces. */
export class ConsoleKeys {
  private readonly actions: KeyActions;
  private afterEscape = false;

  constructor(actions: KeyActions) {
    this.actions = actions;
  }

  /** Does what the text that was typed asks for, in its order. A key that means nothing after Ctrl-] asks for help. */
  press(text: string): void {
    for (const [index, part] of text.split(escapeKey).entries()) {
      if (index > 0) this.escape();
      if (part !== '') this.plain(part);
    }
  }

  private escape(): void {
    if (this.afterEscape) escaped[escapeKey](this.actions);
    this.afterEscape = !this.afterEscape;
  }

  private plain(text: string): void {
    if (!this.afterEscape) {
      this.actions.type(text);
      return;
    }
    this.afterEscape = false;
    const key = text.charAt(0);
    if (/[1-9]/.test(key)) this.actions.show(Number(key));
    else (escaped[key] ?? escaped['?'])(this.actions);
    if (text.length > 1) this.actions.type(text.slice(1));
  }
}
