import type { Buffer } from 'buffer/index.js';

import type { GuestConsole, WaitOptions } from './console.js';
import { GuestTimeout, withLastLines } from './failures.js';
import { MarkedBytes, markerFormat, newToken, type Marker } from './markers.js';
import { shellText, type ShellText } from './shellText.js';

export interface RunOptions {
  /** Milliseconds until it fails with GuestTimeout, from when the command's turn comes. One minute when left out. */
  readonly timeoutMs?: number | undefined;
  /** Interrupts the command. */
  readonly signal?: AbortSignal | undefined;
}

export interface RunResult {
  /** The exit status; 128 and the signal's number when a signal ended it. */
  readonly status: number;
  /** What the command wrote to standard output and standard error, as it came; what is not UTF-8 is U+FFFD. */
  readonly output: string;
  /** The same, byte for byte. */
  readonly bytes: Buffer;
}

/** A terminal takes lines of up to 4095 bytes in its canonical mode; this leaves room for the marker that ends one. */
const lineLength = 4000;

/** How long a piece of a command is, and how many the shell keeps before it puts them together in a line of less than that. */
const pieceLength = 3900;
const piecesAtOnce = 256;

/** How long an idle shell has to answer. Guests may be slow, and several share a thread. */
const answerMs = 30_000;

/** Ctrl-U and Enter: rids the line of what was typed before. */
const freshLine = '\x15\n';

/**
 * Starts a plain sh in whatever shell is there, without prompt and echo, and without output processing, which would put
 * a \r before each \n. It has no job control, or it would give up its line when a command ends by SIGINT. When that sh
 * ends the terminal is as before. Where it runs already, nothing is done.
 */
const enter = (entered: string): string =>
  [
    ` ${printMarker(entered)}; [ "$vmq_sh" ] || { vmq_tty=$(stty -g)`,
    'stty -echo -opost',
    'vmq_sh=1 PS1= PS2= sh +m',
    'stty "${vmq_tty:-sane}"',
    `${printMarker(leftToken)}; }\n`,
  ].join('; ');

/** Of the marker that says that the plain sh has ended. It is in snapshots, and so always the same. */
const leftToken = '0'.repeat(16);

/** What brings a shell back from what it runs, mildest first: Ctrl-C, Ctrl-\, and Ctrl-Z to kill all that then stopped. */
const interrupts = [
  { key: '\x03', then: '' },
  { key: '\x1c', then: '' },
  { key: '\x1a', then: 'kill -9 %% 2>/dev/null; ' },
] as const;

/** How long the shell has to answer after each of them, and how long a terminal has to throw away its input first. */
const interruptMs = 5000;
const settleMs = 100;

/**
 * The shell at the other end of a console. A quiet sh, without echo and prompt, takes its place while it runs commands
 * for us; `interactive` gives the console back to people.
 */
export class Shell {
  private readonly console: GuestConsole;
  private state: 'interactive' | 'quiet' | 'lost' = 'interactive';
  private last: Promise<unknown> = Promise.resolve();

  constructor(console: GuestConsole) {
    this.console = console;
  }

  /**
   * Runs a command as `sh -c` would: in a subshell, with standard input empty. One command runs at a time, later ones
   * wait for their turn. A job that it leaves in the background goes on; what that writes to the console later is lost,
   * or gets between the output of a later command.
   * @throws GuestTimeout when it took too long; it is interrupted then, and the shell made ready for the next one
   * @throws GuestEnded when the guest has ended, or ends meanwhile
   */
  async run(command: string, options: RunOptions = {}): Promise<RunResult> {
    const text = shellText(command, pieceLength);
    return this.inTurn(() => this.perform(command, text, options));
  }

  /**
   * Makes the shell quiet, if it is not.
   * @throws GuestTimeout when no shell answers within `timeoutMs`
   */
  async quiet(timeoutMs = answerMs): Promise<void> {
    return this.inTurn(() => this.ready(timeoutMs));
  }

  /** Gives the console back to people, with the shell that was there first. The next `run` takes it again. */
  async interactive(): Promise<void> {
    return this.inTurn(async () => {
      await this.ready(answerMs);
      await this.send('exit\n', leftToken, { timeoutMs: answerMs });
      this.state = 'interactive';
    });
  }

  /** Does one thing after another. What failed is cleared away before the next. */
  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result
      .catch(async () => {
        if (this.state !== 'lost') await this.recover();
      })
      .catch(() => undefined); // The guest has ended, as the next one will find.
    return result;
  }

  private async perform(command: string, text: ShellText, options: RunOptions): Promise<RunResult> {
    const { timeoutMs = 60_000, signal } = options;
    const { clock } = this.console;
    signal?.throwIfAborted();
    await this.ready(answerMs);
    const deadline = clock.now() + timeoutMs;
    const what = `The command ${shortened(command)} did not finish within ${timeoutMs / 1000} s.`;
    const waiting = (): WaitOptions => ({ timeoutMs: Math.max(0, deadline - clock.now()), signal, what });

    const begin = newToken();
    const end = newToken();
    const lines = packLines([
      ...assignments(text),
      printMarker(begin),
      `(eval "$vmq_run") </dev/null`,
      `${printMarker(end, '%d')} $?`,
    ]);
    const last = lines.pop();
    for (const line of lines) await this.exchange(line, waiting());
    const { received, value, start } = await this.send(`${last}\n`, end, waiting());
    const output = received.slice(received.find(begin)?.end ?? 0, start);
    return { status: Number(value), output: output.toString('utf8'), bytes: output };
  }

  private async ready(timeoutMs: number): Promise<void> {
    if (this.state === 'lost') await this.recover();
    if (this.state === 'lost') {
      const sentence = 'The shell has not come back from an earlier command.';
      throw new GuestTimeout(withLastLines(sentence, this.console.lastLines()));
    }
    if (this.state === 'interactive') await this.hush('', timeoutMs);
  }

  private async hush(before: string, timeoutMs: number): Promise<void> {
    const waiting = { timeoutMs, what: `No shell answered within ${timeoutMs / 1000} s.` };
    const entered = newToken();
    // The sh gets no line before the other shell has stopped reading.
    await this.send(freshLine + before + enter(entered), entered, waiting);
    await this.exchange('', waiting);
    this.state = 'quiet';
  }

  /** Interrupts whatever runs and makes the shell quiet again; when that fails, the next command tries once more. */
  private async recover(): Promise<void> {
    this.state = 'lost';
    for (const { key, then } of interrupts) {
      try {
        this.console.write(key);
        await this.pause(settleMs);
        await this.hush(then, interruptMs);
        return;
      } catch (error) {
        if (!(error instanceof GuestTimeout)) throw error;
      }
    }
  }

  private async pause(timeoutMs: number): Promise<void> {
    try {
      await this.console.until(() => undefined, { timeoutMs });
    } catch (error) {
      if (!(error instanceof GuestTimeout)) throw error;
    }
  }

  /** Has the shell execute a line, and waits until it did. */
  private async exchange(line: string, options: WaitOptions): Promise<void> {
    const token = newToken();
    await this.send(`${line && `${line}; `}${printMarker(token)}\n`, token, options);
  }

  /** Types text, and waits for the marker with this token. */
  private async send(text: string, token: string, options: WaitOptions): Promise<Marker & { received: MarkedBytes }> {
    const received = new MarkedBytes();
    const stop = this.console.bytes.on((chunk) => received.append(chunk));
    try {
      const found = this.console.until(() => received.find(token), options);
      this.console.write(text);
      return { ...(await found), received };
    } finally {
      stop();
    }
  }
}

/** The command that prints a marker. */
function printMarker(token: string, value?: string): string {
  return `printf '${markerFormat(token, value)}'`;
}

/**
 * Commands that put a text into the variable vmq_run. The pieces stay apart until there are many, as a shell copies all
 * of a variable that it adds to.
 */
function assignments({ pieces, escaped }: ShellText): string[] {
  const commands = ['vmq_run='];
  for (let first = 0; first < pieces.length; first += piecesAtOnce) {
    const group = pieces.slice(first, first + piecesAtOnce);
    commands.push(...group.map((piece, index) => `vmq_${index}='${piece}'`));
    commands.push(`vmq_run=$vmq_run${group.map((_, index) => `$vmq_${index}`).join('')}`);
  }
  // The dot keeps $() from cutting off newlines.
  if (escaped) commands.push('vmq_run=$(printf %b. "$vmq_run")', 'vmq_run=${vmq_run%.}');
  return commands;
}

/** Puts commands into as few lines as hold them. */
function packLines(commands: readonly string[]): string[] {
  const lines: string[] = [];
  for (const command of commands) {
    const joined = lines.length > 0 ? `${lines.at(-1)}; ${command}` : command;
    if (lines.length > 0 && joined.length <= lineLength) lines[lines.length - 1] = joined;
    else lines.push(command);
  }
  return lines;
}

/** A command for a message: its first line, not too long. */
function shortened(command: string): string {
  const [first = ''] = command.trimStart().split('\n');
  return JSON.stringify(first === command && first.length <= 120 ? command : `${first.slice(0, 120)}…`);
}
