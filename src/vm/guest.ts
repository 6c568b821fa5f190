import type { V86 } from 'v86';

import { Signal } from '../virtio/signal.js';
import { plugCard, type CardOptions, type GuestCard } from './cards.js';
import { GuestConsole } from './console.js';
import { createEmulator, type MachineFiles, type MachineOptions } from './emulator.js';
import { UserError } from './errors.js';
import { GuestEnded, GuestTimeout } from './failures.js';
import { checkKernel } from './kernelFile.js';
import { localMachine, type Machine } from './machine.js';
import { entropyBytes, personaliseCommand, prepareCommand } from './personalise.js';
import { watchMachine, type GuestProblem } from './problems.js';
import { Shell, type RunOptions, type RunResult } from './shell.js';

/** How a guest is made, wherever its machine runs. */
export interface BootOptions {
  readonly files: MachineFiles;
  /** v86's own WebAssembly (v86/build/v86.wasm), compiled. */
  readonly wasm: WebAssembly.Module;
  /** Size of guest memory in MiB; 256 when left out. */
  readonly memoryMiB?: number | undefined;
  /** Added to the kernel's command line: 'pci=nomsi'. */
  readonly commandLine?: string | undefined;
  /** What `save` of a guest with the same options answered; the guest goes on from there instead of booting. */
  readonly snapshot?: ArrayBuffer | undefined;
  /** Milliseconds that the guest has to come to a shell prompt; five minutes when left out. */
  readonly bootTimeoutMs?: number | undefined;
  /** Gives up; the guest is stopped then. */
  readonly signal?: AbortSignal | undefined;
  /** Called with what the console shows, from the first byte on. */
  readonly onText?: ((text: string) => void) | undefined;
}

export interface GuestOptions extends BootOptions {
  /**
   * Called when the machine is made, before it runs or takes up the snapshot: the time to attach the cards that the guest
   * in the snapshot had, to the same slots.
   */
  readonly onMachine?: ((emulator: V86) => void) | undefined;
}

export const defaultMemoryMiB = 256;

/** v86 addresses guest memory with 31 bits, and keeps its initial RAM disk above 64 MiB. */
const memoryRangeMiB = { least: 65, most: 2047 };

/** What the kernel is told at each boot. All of it is Linux's own, and described in its kernel-parameters.txt. */
const kernelParameters = [
  'console=ttyS0',
  'tsc=reliable', // v86 has no second clock that would be good enough to judge it by.
  'mitigations=off',
  'random.trust_cpu=on',
  'cryptomgr.notests', // Tests of all ciphers would take seconds of every boot.
];

/** The kernel's command line. */
export function kernelCommandLine(additions = ''): string {
  return [...kernelParameters, additions].join(' ').trim();
}

/** What a console shows when it waits for somebody, and what to do then; the answer is whether a shell is there. */
const prompts: readonly { pattern: RegExp; act: (console: GuestConsole, shell: Shell) => Promise<boolean> }[] = [
  {
    pattern: /[#$] (?:\x1b\[[\d;?]*[A-Za-z])*$/,
    act: async (console, shell) => (await isLast(console)) && (await answers(shell)),
  },
  {
    pattern: /press Enter to activate this console/i,
    act: (console) => {
      console.write('\n');
      return Promise.resolve(false);
    },
  },
  {
    pattern: /login: $/,
    act: async (console) => {
      if (!(await isLast(console))) return false;
      throw new UserError('The guest asks for a login; give it an initial RAM disk that starts a shell on ttyS0.');
    },
  },
];
const anyPrompt = new RegExp(prompts.map(({ pattern }) => `(?:${pattern.source})`).join('|'), 'i');

/** How long nothing more is shown after a prompt, and how long a shell has to answer that has shown its own. */
const stillMs = 300;
const promptMs = 10_000;

/** Whether nothing follows what was shown last: it was a prompt then, and not the middle of a line. */
async function isLast(console: GuestConsole): Promise<boolean> {
  return !(await succeeds(console.waitFor(/[^]/, { timeoutMs: stillMs })));
}

/** Whether a shell answers. A slow one that does so only when it is interrupted counts too. */
async function answers(shell: Shell): Promise<boolean> {
  return (await succeeds(shell.quiet(promptMs))) || (await succeeds(shell.quiet(promptMs)));
}

/** False for GuestTimeout. */
async function succeeds(attempt: Promise<unknown>): Promise<boolean> {
  try {
    await attempt;
    return true;
  } catch (error) {
    if (error instanceof GuestTimeout) return false;
    throw error;
  }
}

/** What a kernel says last, and what that means. The time before it keeps the words apart from a command's output. */
const lastWords = [
  { pattern: /---\[ end Kernel panic - not syncing/, means: "The guest's kernel panicked." },
  { pattern: /^\[ *\d+\.\d{6}\] reboot: (?:Power down|System halted)/m, means: 'The guest was switched off.' },
  { pattern: /^\[ *\d+\.\d{6}\] reboot: Restarting system/m, means: 'The guest rebooted, which ends it.' },
] as const;

/** What every guest is, wherever its machine runs: a kernel with a shell on its serial console. */
export abstract class RunningGuest {
  readonly console: GuestConsole;
  readonly shell: Shell;
  readonly fromSnapshot: boolean;
  /** Milliseconds from the start of `create` until its shell answered. */
  readonly bootMs: number;
  /** What goes wrong in it and does not end it. */
  readonly onProblem: Signal<GuestProblem>;
  private readonly machine: Machine;

  protected constructor({ machine, console, shell, fromSnapshot, bootMs }: Booted, onProblem: Signal<GuestProblem>) {
    this.onProblem = onProblem;
    this.machine = machine;
    this.console = console;
    this.shell = shell;
    this.fromSnapshot = fromSnapshot;
    this.bootMs = bootMs;
  }

  /** Runs a command in the guest; see Shell.run. */
  run(command: string, options?: RunOptions): Promise<RunResult> {
    return this.shell.run(command, options);
  }

  /** Sets the guest's name, its clock by the host's, and its random numbers apart from those of other guests. */
  async personalise(hostname: string): Promise<void> {
    if (!this.fromSnapshot) await this.run(prepareCommand);
    const entropy = crypto.getRandomValues(new Uint8Array(entropyBytes));
    await this.run(personaliseCommand({ hostname, time: Date.now() / 1000, entropy }));
  }

  /**
   * The whole machine as it is now, for the option `snapshot`. It holds the cards too: who starts a guest from it attaches
   * them in `onMachine`, or takes it before there are any.
   */
  async save(): Promise<ArrayBuffer> {
    await this.run(prepareCommand);
    return this.machine.save();
  }

  /** As `save`, but stands still from then on, so that the guest goes on in one place only: where it is restored. */
  async suspend(): Promise<ArrayBuffer> {
    await this.machine.pause();
    return this.machine.save();
  }

  /** Has the guest stand still until `resume`. */
  pause(): Promise<void> {
    return this.machine.pause();
  }

  resume(): Promise<void> {
    return this.machine.run();
  }

  /** Stops the guest at once, as if its plug was pulled. Commands under way fail with GuestEnded. */
  async stop(): Promise<void> {
    this.console.close('The guest was stopped.');
    await this.machine.destroy();
  }
}

/** A guest: an emulator in this thread, with a kernel in it. */
export class Guest extends RunningGuest {
  readonly emulator: V86;
  private readonly plugged: GuestCard[] = [];

  private constructor(booted: Booted, emulator: V86) {
    super(booted, new Signal());
    this.emulator = emulator;
    watchMachine(emulator, (problem) => this.onProblem.emit(problem));
  }

  /**
   * Boots a guest, or takes it from a snapshot, and answers it when its shell does.
   * @throws UserError when what is given cannot be booted, or the guest asks for a login
   * @throws GuestTimeout, GuestEnded when it does not come to a shell
   */
  static async create(options: GuestOptions): Promise<Guest> {
    let emulator: V86 | undefined;
    const booted = await bootMachine(options, async (machineOptions) => {
      emulator = await createEmulator(machineOptions);
      options.onMachine?.(emulator);
      return localMachine(emulator);
    });
    return new Guest(booted, emulator!);
  }

  /** Those that are plugged in, in the order in which their interfaces came up. */
  get cards(): readonly GuestCard[] {
    return this.plugged;
  }

  /**
   * Plugs a card in while the guest runs; when this answers, the guest has an interface for it that is up.
   * @throws UserError, AttachError or RangeError for options that can't be
   */
  async addCard(options: CardOptions = {}): Promise<GuestCard> {
    const card = await plugCard(this, options);
    this.plugged.push(card);
    card.onUnplugged.on(() => this.plugged.splice(this.plugged.indexOf(card), 1));
    return card;
  }
}

/** What came of booting a machine. */
export interface Booted {
  readonly machine: Machine;
  readonly console: GuestConsole;
  readonly shell: Shell;
  readonly fromSnapshot: boolean;
  readonly bootMs: number;
}

/**
 * Makes a machine, and boots it or takes it from a snapshot, until its shell answers.
 * @throws as `Guest.create` does; the machine is destroyed then
 */
export async function bootMachine(
  options: BootOptions,
  make: (options: MachineOptions) => Promise<Machine>,
): Promise<Booted> {
  const started = performance.now();
  const { files, wasm, memoryMiB = defaultMemoryMiB, snapshot, signal } = options;
  const commandLine = kernelCommandLine(options.commandLine);
  checkMemory(memoryMiB);
  if (!snapshot) checkKernel(files, commandLine, memoryMiB);
  signal?.throwIfAborted();

  const { bios, vgaBios } = files;
  const needed = snapshot ? { bios, vgaBios } : files;
  const machine = await make({ files: needed, memoryMiB, commandLine, wasm });
  try {
    const console = new GuestConsole(machine.line);
    if (options.onText) console.attach(options.onText);
    closeAtLastWords(console);
    void console.ended.then(() => machine.pause()).catch(unlessEnded);
    const shell = new Shell(console);
    if (snapshot) await machine.restore(snapshot);
    await machine.run();
    if (snapshot) await shell.quiet();
    else await bootToShell(console, shell, options);
    return { machine, console, shell, fromSnapshot: snapshot !== undefined, bootMs: performance.now() - started };
  } catch (error) {
    await machine.destroy();
    throw error;
  }
}

/** A machine whose guest was stopped, or whose worker failed, stands still already. */
function unlessEnded(error: unknown): void {
  if (!(error instanceof GuestEnded)) throw error;
}

function checkMemory(memoryMiB: number): void {
  const { least, most } = memoryRangeMiB;
  if (!Number.isInteger(memoryMiB) || memoryMiB < least || memoryMiB > most) {
    throw new UserError(`A guest has ${least} to ${most} MiB of memory, a whole number; ${memoryMiB} is not.`);
  }
}

/** Watches for what a kernel says when it ends, and closes the console then. */
function closeAtLastWords(console: GuestConsole): void {
  let tail = '';
  console.attach((text) => {
    tail = (tail + text).slice(-1000);
    const found = lastWords.find(({ pattern }) => pattern.test(tail));
    if (found) console.close(found.means);
  });
}

/** Waits for a shell that answers, whatever the guest shows before. */
async function bootToShell(console: GuestConsole, shell: Shell, options: BootOptions): Promise<void> {
  const { bootTimeoutMs = 300_000, signal } = options;
  const deadline = console.clock.now() + bootTimeoutMs;
  const what = `The guest came to no shell prompt within ${bootTimeoutMs / 1000} s.`;
  for (;;) {
    const timeoutMs = Math.max(0, deadline - console.clock.now());
    const [shown] = await console.waitFor(anyPrompt, { timeoutMs, signal, what });
    const prompt = prompts.find(({ pattern }) => pattern.test(shown));
    if (await prompt?.act(console, shell)) return;
  }
}
