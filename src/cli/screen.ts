import type { Output } from './streams.js';

/** How much is kept of what a guest shows while nobody looks, in characters. */
const unseenLength = 1 << 16;

/** A guest's console as it is seen on the terminal, or kept while another guest's is. */
export class Screen {
  private readonly output: Output;
  private shown = false;
  private unseen = '';
  /** The line that the cursor is in, up to the cursor. */
  private line = '';

  constructor(output: Output) {
    this.output = output;
  }

  /** The guest shows more. */
  receive(text: string): void {
    const whole = this.line + text;
    this.line = whole.slice(whole.lastIndexOf('\n') + 1).slice(-unseenLength);
    if (this.shown) this.output.write(text);
    else this.unseen = (this.unseen + text).slice(-unseenLength);
  }

  /** Goes on the terminal, with what came meanwhile; where nothing did, with the line it is in. */
  show(): void {
    this.output.write(this.unseen || this.line);
    this.unseen = '';
    this.shown = true;
  }

  hide(): void {
    this.shown = false;
  }
}
