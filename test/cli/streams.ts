import { clearLine, cursorTo, moveCursor, type Direction } from 'node:readline';
import { PassThrough } from 'node:stream';

import type { Input, Output } from '../../src/cli/streams.js';

/** A stream that keeps what was written to it; a terminal where a test says so. */
export class TestOutput extends PassThrough implements Output {
  text = '';
  readonly isTTY: boolean;
  columns = 80;
  rows = 24;

  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
    this.setEncoding('utf8');
    this.on('data', (text: string) => (this.text += text));
  }

  // As terminals have them.
  clearLine(direction: Direction): boolean {
    return clearLine(this, direction);
  }

  cursorTo(x: number): boolean {
    return cursorTo(this, x);
  }

  moveCursor(dx: number, dy: number): boolean {
    return moveCursor(this, dx, dy);
  }
}

/** A stream that a test types on; a terminal where a test says so. */
export class TestInput extends PassThrough implements Input {
  raw = false;
  readonly isTTY: boolean;

  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }

  setRawMode(raw: boolean): this {
    this.raw = raw;
    return this;
  }
}

export function testStreams({ terminal = false } = {}) {
  return { stdin: new TestInput(terminal), stdout: new TestOutput(terminal), stderr: new TestOutput(terminal) };
}
