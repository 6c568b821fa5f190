import { Buffer } from 'buffer/index.js';

import { systemClock } from '../hosts/v86/clock.js';
import type { Clock } from '../virtio/clock.js';
import { Signal } from '../virtio/signal.js';
import { GuestEnded, GuestTimeout, withLastLines } from './failures.js';
import { MarkerFilter } from './markers.js';

/** A serial line, seen from outside the guest. */
export interface SerialLine {
  send(bytes: Uint8Array): void;
  /** Calls `listener` with what the guest sends from now on; the bytes are the listener's to keep. The answer ends that. */
  onBytes(listener: (bytes: Uint8Array) => void): () => void;
}

export interface WaitOptions {
  /** Milliseconds until it fails with GuestTimeout. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** What GuestTimeout says, one sentence. */
  readonly what?: string | undefined;
}

/** How many characters of what the guest has shown are kept, at least. */
const historyLength = 1 << 17;

/** How many lines a message about a failure shows, and how many characters of a line. */
const linesInMessage = 20;
const longestLine = 200;

/** A guest's serial console as text: what it shows, what it has shown, and a way to type. */
export class GuestConsole {
  /** Every byte that comes from the guest. */
  readonly bytes = new Signal<Uint8Array>();
  /** The same as text, without the markers of a Shell. */
  readonly text = new Signal<string>();
  /** Settles when the console is closed, with why. */
  readonly ended: Promise<GuestEnded>;
  readonly clock: Clock;

  private readonly line: SerialLine;
  private history = '';
  /** Where in the history `waitFor` looks on. */
  private seen = 0;
  private end: GuestEnded | undefined;
  private readonly ending = new Signal<GuestEnded>();
  /** Something came, and is in the history. */
  private readonly received = new Signal<void>();
  private readonly decoder = new TextDecoder();
  private readonly filter = new MarkerFilter();

  constructor(line: SerialLine, clock: Clock = systemClock) {
    this.line = line;
    this.clock = clock;
    this.ended = new Promise((resolve) => this.ending.on(resolve));
    line.onBytes((bytes) => this.receive(bytes));
  }

  /** Calls `listener` with all text that the guest shows from now on; the answer ends that. */
  attach(listener: (text: string) => void): () => void {
    return this.text.on(listener);
  }

  /** Types text, as UTF-8. Keys are what a terminal sends: '\r' or '\n' for Enter, '\x03' for Ctrl-C. */
  write(text: string): void {
    this.line.send(Buffer.from(text, 'utf8'));
  }

  /** The last lines the guest has shown, at most `count` of them, the oldest first; long ones are cut. */
  lastLines(count = linesInMessage): string[] {
    const lines = this.history.split(/\r*\n/);
    while (lines.length > 0 && lines.at(-1)?.trim() === '') lines.pop();
    return lines.slice(-count).map((line) => (line.length > longestLine ? `${line.slice(0, longestLine)}…` : line));
  }

  /**
   * Waits until `pattern` matches the text that came after the last match.
   * @throws GuestTimeout, GuestEnded, or the signal's reason
   */
  waitFor(pattern: RegExp, options: WaitOptions): Promise<RegExpExecArray> {
    const once = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
    const look = (): RegExpExecArray | undefined => {
      const match = once.exec(this.history.slice(this.seen));
      if (match) this.seen += match.index + match[0].length;
      return match ?? undefined;
    };
    const what = `The guest did not show ${String(pattern)} within ${options.timeoutMs / 1000} s.`;
    return this.until(look, { what, ...options });
  }

  /**
   * Waits until `look` answers something; asks it now and whenever something came.
   * @throws GuestTimeout, GuestEnded, or the signal's reason
   */
  until<T>(look: () => T | undefined, options: WaitOptions): Promise<T> {
    const { timeoutMs, signal, what = `The guest did not answer within ${timeoutMs / 1000} s.` } = options;
    return new Promise((resolve, reject) => {
      const undo: (() => void)[] = [];
      const settle = (act: () => void): void => {
        undo.forEach((step) => step());
        act();
      };
      const fail = (error: Error): void => settle(() => reject(error));
      const attempt = (): boolean => {
        const found = look();
        if (found !== undefined) settle(() => resolve(found));
        return found !== undefined;
      };
      const abort = (): void => fail(signal?.reason as Error);

      if (signal?.aborted) abort();
      else if (attempt()) return;
      else if (this.end) fail(this.end);
      else {
        undo.push(this.received.on(attempt));
        undo.push(this.ending.on(fail));
        undo.push(
          this.clock.after(timeoutMs, () => {
            fail(new GuestTimeout(withLastLines(what, this.lastLines())));
          }),
        );
        signal?.addEventListener('abort', abort);
        undo.push(() => signal?.removeEventListener('abort', abort));
      }
    });
  }

  /** Says that nothing more will come; whoever waits gets GuestEnded, now and later. The first reason stays. */
  close(sentence: string): void {
    if (this.end) return;
    this.end = new GuestEnded(withLastLines(sentence, this.lastLines()));
    this.ending.emit(this.end);
  }

  private receive(bytes: Uint8Array): void {
    this.bytes.emit(bytes);
    const text = this.filter.pass(this.decoder.decode(bytes, { stream: true }));
    this.history += text;
    if (this.history.length > 2 * historyLength) {
      this.seen = Math.max(0, this.seen - (this.history.length - historyLength));
      this.history = this.history.slice(-historyLength);
    }
    this.received.emit();
    if (text !== '') this.text.emit(text);
  }
}
