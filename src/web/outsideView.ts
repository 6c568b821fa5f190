import { within } from './elements.js';
import type { Outside } from './outside.js';
import { lossText, table, type Cell } from './tables.js';

/** How often the table is drawn, in milliseconds. */
const refreshMs = 1000;

const headings = ['Network', 'State', 'in frames', 'in bytes', 'out frames', 'out bytes', 'Dropped', ''];

/** The networks that the page joined, and how to join and leave them. */
export class OutsideView {
  private readonly element: HTMLElement;
  private readonly outside: Outside;
  private shown = '';

  /** @param complain told why a network could not be joined */
  constructor(element: HTMLElement, outside: Outside, complain: (error: unknown) => void) {
    this.element = element;
    this.outside = outside;
    const on = (form: string, join: (value: string) => void): void => {
      const input = within(element, `${form} input`, HTMLInputElement);
      within(element, form, HTMLFormElement).addEventListener('submit', (event) => {
        event.preventDefault();
        try {
          join(input.value);
        } catch (error) {
          complain(error);
        }
        this.draw();
      });
    };
    on('.broadcast', (number) => outside.joinPages(number));
    on('.relay', (url) => outside.joinRelay(url));
    setInterval(() => this.draw(), refreshMs);
    this.draw();
  }

  private draw(): void {
    const { joined } = this.outside;
    const texts = joined.map((network): Cell[] => {
      const { inFrames, inBytes, outFrames, outBytes, dropped } = network.counters();
      return [network.name, network.state, inFrames, inBytes, outFrames, outBytes, lossText(dropped)];
    });
    // A button that is about to be pressed stays as long as nothing changes.
    const now = JSON.stringify(texts);
    if (now === this.shown) return;
    this.shown = now;
    const rows = texts.map((cells, index): Cell[] => {
      const button = document.createElement('button');
      button.textContent = 'Leave';
      button.addEventListener('click', () => {
        joined[index].leave();
        this.draw();
      });
      return [...cells, button];
    });
    within(this.element, '.joined', HTMLElement).replaceChildren(
      ...(rows.length > 0 ? [table('outside', headings, rows)] : []),
    );
  }
}
