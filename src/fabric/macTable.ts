import { isGroup } from '../net/link/mac.js';
import { read16, read32 } from '../net/link/words.js';

/**
 * Which port a station was last heard on (IEEE 802.1D-2004, 7.8 and 7.9): a table of fixed size whose entries age.
 * Like the tables in switches, it is a row of small sets: an address belongs to one set by its hash, and where the set is
 * full, the entry that was not heard of for longest makes way. Addresses are two numbers in typed arrays, so that neither
 * learning nor finding allocates.
 */
export class MacTable<P> {
  private readonly ageing: number;
  /** How many sets there are, a power of two, less one. */
  private readonly mask: number;
  private readonly high: Uint16Array;
  private readonly low: Uint32Array;
  private readonly heard: Float64Array;
  private readonly ports: (P | undefined)[];

  /** Holds at least `capacity` entries; one not heard of for `ageing` milliseconds is as good as none. */
  constructor(capacity: number, ageing: number) {
    this.ageing = ageing;
    const sets = 2 ** Math.ceil(Math.log2(Math.max(1, capacity / ways)));
    this.mask = sets - 1;
    const size = sets * ways;
    this.high = new Uint16Array(size);
    this.low = new Uint32Array(size);
    this.heard = new Float64Array(size).fill(-Infinity);
    this.ports = new Array<P | undefined>(size).fill(undefined);
  }

  /** Notes that the station whose address is in `bytes` at `at` was heard on `port`. Group addresses are no stations. */
  learn(bytes: Uint8Array, at: number, port: P, now: number): void {
    if (isGroup(bytes, at)) return;
    const entry = this.entry(bytes, at);
    if (entry >= 0) {
      this.ports[entry] = port;
      this.heard[entry] = now;
      return;
    }
    const first = this.set(bytes, at);
    let oldest = first;
    for (let i = first + 1; i < first + ways; i++) if (this.heard[i] < this.heard[oldest]) oldest = i;
    this.high[oldest] = read16(bytes, at);
    this.low[oldest] = read32(bytes, at + 2);
    this.ports[oldest] = port;
    this.heard[oldest] = now;
  }

  /** The port of the station whose address is in `bytes` at `at`; undefined for a group or where nothing is known. */
  find(bytes: Uint8Array, at: number, now: number): P | undefined {
    const entry = this.entry(bytes, at);
    return entry >= 0 && now - this.heard[entry] < this.ageing ? this.ports[entry] : undefined;
  }

  /** Forgets every station of a port. */
  forget(port: P): void {
    for (let i = 0; i < this.ports.length; i++) {
      if (this.ports[i] !== port) continue;
      this.ports[i] = undefined;
      this.heard[i] = -Infinity;
    }
  }

  /** The index of an address's entry, or -1. */
  private entry(bytes: Uint8Array, at: number): number {
    const high = read16(bytes, at);
    const low = read32(bytes, at + 2);
    const first = this.set(bytes, at);
    for (let i = first; i < first + ways; i++) {
      if (this.low[i] === low && this.high[i] === high && this.ports[i] !== undefined) return i;
    }
    return -1;
  }

  /** The index of the first entry of an address's set. */
  private set(bytes: Uint8Array, at: number): number {
    const mixed = Math.imul(read32(bytes, at + 2) ^ Math.imul(read16(bytes, at), 0x85ebca6b), 0x9e3779b1);
    return ((mixed ^ (mixed >>> 15)) & this.mask) * ways;
  }
}

/** Entries in a set. */
const ways = 8;
