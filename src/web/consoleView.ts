import { keyText } from './keys.js';
import { Screen } from './screen.js';

export interface ConsoleElements {
  readonly screen: HTMLElement;
  readonly form: HTMLFormElement;
  readonly input: HTMLInputElement;
}

/** Shows a console, and hands on what is typed: keys on the screen at once, the line below it when it is whole. */
export class ConsoleView {
  private readonly screen = new Screen();
  private readonly element: HTMLElement;
  private drawing = false;

  constructor({ screen, form, input }: ConsoleElements, type: (text: string) => void) {
    this.element = screen;
    screen.addEventListener('keydown', (event) => {
      // Ctrl-C copies what is selected; only otherwise it is the guest's.
      if (event.ctrlKey && event.key === 'c' && document.getSelection()?.isCollapsed === false) return;
      const text = keyText(event);
      if (text === undefined) return;
      event.preventDefault();
      type(text);
    });
    screen.addEventListener('paste', (event) => {
      event.preventDefault();
      type(event.clipboardData?.getData('text/plain') ?? '');
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      type(`${input.value}\r`);
      input.value = '';
    });
  }

  clear(): void {
    this.screen.clear();
    this.redraw();
  }

  write(text: string): void {
    this.screen.write(text);
    this.redraw();
  }

  /** Once for all that comes before the browser's next frame. */
  private redraw(): void {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => this.draw());
  }

  /** Stays at the end, unless somebody scrolled back to read. */
  private draw(): void {
    this.drawing = false;
    const { element } = this;
    const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 20;
    element.textContent = this.screen.text;
    if (atEnd) element.scrollTop = element.scrollHeight;
  }
}
