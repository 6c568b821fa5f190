/** How many lines stay. */
const historyLines = 2000;

/** Where a line goes on in the next one, in characters; no guest can make it longer. */
const longestLine = 1000;

const tabStop = 8;

/** A control sequence (ECMA-48, 5.4), another escape sequence, a control character, or plain text; whole ones only. */
const element = /\x1b\[([0-9;?]*)([@-~])|\x1b[^[]|[\x00-\x1a\x1c-\x1f\x7f]|[^\x00-\x1f\x7f]+/g;

/** The beginning of an escape sequence, at the text's end. */
const unfinished = /\x1b(?:\[[0-9;?]*)?$/;

/**
 * What a terminal shows, as lines of text. It knows what a shell's line editor sends, on the last line. Programs that
 * draw on the whole screen need a real terminal.
 */
export class Screen {
  private readonly lines = [''];
  private column = 0;
  private held = '';

  /** What control characters do. A line feed goes to the first column too, as terminals are set up to have it. */
  private readonly controls: Record<string, (() => void) | undefined> = {
    '\n': () => this.newLine(),
    '\r': () => (this.column = 0),
    '\b': () => this.move(-1),
    '\t': () => this.move(tabStop - (this.column % tabStop)),
  };

  /** What control sequences do, by their last character; the number is the parameter, or undefined without one. */
  private readonly sequences: Record<string, ((parameter: number | undefined) => void) | undefined> = {
    '@': (count = 1) => this.replaceLine(this.before + ' '.repeat(count) + this.after),
    C: (count = 1) => this.move(count),
    D: (count = 1) => this.move(-count),
    G: (column = 1) => this.move(column - 1 - this.column),
    J: (which = 0) => (which === 0 ? this.replaceLine(this.before) : this.clear()),
    K: (which = 0) =>
      this.replaceLine([this.before, ' '.repeat(this.column + 1) + this.after.slice(1), ''][which] ?? ''),
    P: (count = 1) => this.replaceLine(this.before + this.after.slice(count)),
  };

  get text(): string {
    return this.lines.join('\n');
  }

  clear(): void {
    this.lines.splice(0, Infinity, '');
    this.column = 0;
  }

  write(text: string): void {
    const all = this.held + text;
    this.held = unfinished.exec(all)?.[0] ?? '';
    const whole = all.slice(0, all.length - this.held.length);
    for (const [found, parameter, last] of whole.matchAll(element)) {
      if (last) this.sequences[last]?.(number(parameter));
      else if (found >= ' ' && found !== '\x7f') this.put(found);
      else this.controls[found]?.();
    }
  }

  private put(text: string): void {
    for (let rest = text; rest !== '';) {
      if (this.column === longestLine) this.newLine();
      const piece = rest.slice(0, longestLine - this.column);
      this.replaceLine(this.before.padEnd(this.column) + piece + this.after.slice(piece.length));
      this.column += piece.length;
      rest = rest.slice(piece.length);
    }
  }

  private newLine(): void {
    this.lines.push('');
    this.column = 0;
    if (this.lines.length > historyLines) this.lines.shift();
  }

  private move(columns: number): void {
    this.column = Math.min(Math.max(0, this.column + columns), longestLine);
  }

  private replaceLine(text: string): void {
    this.lines[this.lines.length - 1] = text.slice(0, longestLine);
  }

  private get line(): string {
    return this.lines[this.lines.length - 1];
  }

  /** The last line up to where the next character goes, and from there on. */
  private get before(): string {
    return this.line.slice(0, this.column);
  }

  private get after(): string {
    return this.line.slice(this.column);
  }
}

/** The parameter of a control sequence, undefined where there is none. */
function number(parameter: string): number | undefined {
  return parameter === '' ? undefined : Math.min(Number.parseInt(parameter, 10) || 0, longestLine);
}

/** A text as a terminal would show each line of it, without what a line does to those before. */
export function plainText(text: string): string {
  const plain = (line: string): string => {
    const screen = new Screen();
    screen.write(line);
    return screen.text;
  };
  return text.split('\n').map(plain).join('\n');
}
