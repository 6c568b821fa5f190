import { closeSync, readSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';
import process from 'node:process';
import { pollBytes, pollFlag, type SystemCalls } from './systemCalls.node.js';

interface Watch {
  readonly events: number;
  readonly ready: () => void;
}

const one = new Uint8Array(new BigUint64Array([1n]).buffer);
const littleEndian = endianness() === 'LE';

/**
 * Tells when descriptors are readable or writable that Node's own event loop can't watch, such as a tap's. One thread of
 * Node's pool waits for all of them; it keeps the process alive while anything is watched.
 */
export class Readiness {
  private readonly calls: SystemCalls;
  private readonly watches = new Map<number, Watch>();
  /** Written to, it ends the wait that is under way, as what is watched is not what it waits for. */
  private readonly event: number;
  /** The wait that is under way. */
  private polling: Promise<number> | undefined;
  private running = false;
  private woken = false;
  private readonly wakeAtExit = (): void => this.wake();

  constructor(calls: SystemCalls) {
    this.calls = calls;
    this.event = calls.eventDescriptor();
    // A process does not end while a thread of its pool waits.
    process.once('exit', this.wakeAtExit);
  }

  /** Calls `ready` once, when the descriptor can be read, or (`out`) written, or is of no more use. */
  watch(descriptor: number, ready: () => void, kind: 'in' | 'out' = 'in'): void {
    this.watches.set(descriptor, { events: pollFlag[kind], ready });
    if (this.polling) this.wake();
    else if (!this.running) void this.run();
  }

  /** Forgets descriptors; they may be closed when the promise is fulfilled. */
  async unwatch(descriptors: Iterable<number>): Promise<void> {
    for (const descriptor of descriptors) this.watches.delete(descriptor);
    if (!this.polling) return;
    this.wake();
    await this.polling;
  }

  /** To be called when nothing is watched any more. */
  async close(): Promise<void> {
    await this.unwatch([...this.watches.keys()]);
    process.off('exit', this.wakeAtExit);
    closeSync(this.event);
  }

  private wake(): void {
    if (this.woken) return;
    this.woken = true;
    writeSync(this.event, one);
  }

  private async run(): Promise<void> {
    this.running = true;
    while (this.watches.size > 0) for (const { ready } of await this.wait()) ready();
    this.running = false;
  }

  /** Waits until something happens; answers whom to tell. */
  private async wait(): Promise<Watch[]> {
    const watched = [[this.event, undefined] as const, ...this.watches];
    const bytes = new Uint8Array(pollBytes * watched.length);
    const view = new DataView(bytes.buffer);
    watched.forEach(([descriptor, watch], i) => {
      view.setInt32(i * pollBytes, descriptor, littleEndian);
      view.setUint16(i * pollBytes + 4, watch?.events ?? pollFlag.in, littleEndian);
    });
    this.polling = this.calls.poll(bytes);
    await this.polling;
    this.polling = undefined;
    if (this.woken) {
      this.woken = false;
      readSync(this.event, new Uint8Array(8));
    }
    const due: Watch[] = [];
    watched.forEach(([descriptor, watch], i) => {
      const happened = view.getUint16(i * pollBytes + 6, littleEndian) !== 0;
      // What was forgotten or is watched anew in the meantime is not told of.
      if (!watch || !happened || this.watches.get(descriptor) !== watch) return;
      this.watches.delete(descriptor);
      due.push(watch);
    });
    return due;
  }
}
