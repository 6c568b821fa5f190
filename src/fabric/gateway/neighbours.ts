import type { DropReason } from '../../net/link/counters.js';
import { Frame } from '../../net/link/frame.js';
import { isGroup } from '../../net/link/mac.js';
import { read16, read32, write16, write32 } from '../../net/link/words.js';
import type { Clock } from '../../virtio/clock.js';
import { unspecified, type Subnet } from './address.js';

/** Who wants to send to an address. */
export interface Waiter {
  /** Its Ethernet address is known now. */
  resolved(): void;
  /** Nobody answers for it. */
  unresolved(): void;
}

interface Neighbour {
  readonly address: number;
  mac: Uint8Array | undefined;
  /** When it was last heard of, in milliseconds. */
  heard: number;
  /** Questions that are not answered yet. */
  asked: number;
  waiters: Waiter[];
  cancel: (() => void) | undefined;
}

/** What the table needs of the gateway. */
export interface NeighbourPlace {
  readonly clock: Clock;
  readonly subnet: Subnet;
  readonly mac: Uint8Array;
  /** Sends the frame that is made then when the burst that is under way has ended. */
  later(make: () => Frame): void;
}

/** The address resolution protocol (RFC 826) for IPv4 over Ethernet: it answers for the gateway, and asks for others. */
export class Neighbours {
  private readonly place: NeighbourPlace;
  /** In the order in which they were heard of, so that the first makes way where the table is full. */
  private readonly table = new Map<number, Neighbour>();

  constructor(place: NeighbourPlace) {
    this.place = place;
  }

  /** The Ethernet address of a station; undefined where it is not known, or was not heard of for too long. */
  lookUp(address: number): Uint8Array | undefined {
    const neighbour = this.table.get(address);
    if (!neighbour?.mac) return undefined;
    const age = this.place.clock.now() - neighbour.heard;
    if (age > forgetMs) return undefined;
    // It is asked in time, so that whoever sends goes on meanwhile.
    if (age > doubtMs && !neighbour.cancel) this.ask(neighbour);
    return neighbour.mac;
  }

  /** Asks for an address that `lookUp` does not know. False where too many wait already. */
  resolve(address: number, waiter: Waiter): boolean {
    const neighbour = this.table.get(address) ?? this.add(address);
    if (neighbour.waiters.length >= mostWaiters) return false;
    neighbour.waiters.push(waiter);
    if (!neighbour.cancel) this.ask(neighbour);
    return true;
  }

  /** A packet came from a station: what is known of it holds, if it is this. */
  confirm(address: number, mac: Uint8Array): void {
    const neighbour = this.table.get(address);
    if (neighbour?.mac?.every((byte, i) => byte === mac[i])) neighbour.heard = this.place.clock.now();
  }

  /** A frame with ARP came in. */
  received(frame: Frame): DropReason | undefined {
    if (frame.length < arpFrameBytes) return 'malformed';
    const bytes = new Uint8Array(arpFrameBytes);
    frame.copy(0, arpFrameBytes, bytes, 0);
    const usual = read16(bytes, 14) === ethernet && read16(bytes, 16) === ipv4 && bytes[18] === 6 && bytes[19] === 4;
    if (!usual) return 'protocol';
    const operation = read16(bytes, field.operation);
    const sender = read32(bytes, field.senderAddress);
    const target = read32(bytes, field.targetAddress);
    const { subnet } = this.place;
    const mac = bytes.slice(field.senderMac, field.senderMac + 6);
    const toUs = target === subnet.address;
    if (sender !== subnet.address && subnet.hasHost(sender) && !isGroup(mac)) this.learn(sender, mac, toUs);
    if (operation === request && toUs) this.place.later(() => this.message(reply, mac, mac, sender));
    return toUs || sender === unspecified || operation === request ? undefined : 'unreachable';
  }

  close(): void {
    for (const { cancel } of this.table.values()) cancel?.();
    this.table.clear();
  }

  /** RFC 826: who is known already is brought up to date, and who asks for us is added. */
  private learn(address: number, mac: Uint8Array, toUs: boolean): void {
    const known = this.table.get(address);
    if (!known && !toUs) return;
    const neighbour = known ?? this.add(address);
    neighbour.mac = mac;
    neighbour.heard = this.place.clock.now();
    this.settle(neighbour, (waiter) => waiter.resolved());
  }

  private settle(neighbour: Neighbour, tell: (waiter: Waiter) => void): void {
    neighbour.cancel?.();
    neighbour.cancel = undefined;
    neighbour.asked = 0;
    const { waiters } = neighbour;
    neighbour.waiters = [];
    for (const waiter of waiters) tell(waiter);
  }

  private add(address: number): Neighbour {
    if (this.table.size >= mostNeighbours) this.forgetOne();
    const neighbour = { address, mac: undefined, heard: -Infinity, asked: 0, waiters: [], cancel: undefined };
    this.table.set(address, neighbour);
    return neighbour;
  }

  private forgetOne(): void {
    const all = [...this.table.values()];
    const oldest = all.reduce((a, b) => (b.heard < a.heard ? b : a));
    this.table.delete(oldest.address);
    this.settle(oldest, (waiter) => waiter.unresolved());
  }

  private ask(neighbour: Neighbour): void {
    if (neighbour.asked === questions) {
      this.table.delete(neighbour.address);
      this.settle(neighbour, (waiter) => waiter.unresolved());
      return;
    }
    neighbour.asked++;
    this.place.later(() => this.message(request, everybody, nobody, neighbour.address));
    neighbour.cancel = this.place.clock.after(answerMs, () => this.ask(neighbour));
  }

  private message(operation: number, to: Uint8Array, targetMac: Uint8Array, target: number): Frame {
    const bytes = new Uint8Array(leastFrameBytes);
    bytes.set(to, 0);
    bytes.set(this.place.mac, 6);
    write16(bytes, 12, arpType);
    write16(bytes, 14, ethernet);
    write16(bytes, 16, ipv4);
    bytes[18] = 6;
    bytes[19] = 4;
    write16(bytes, field.operation, operation);
    bytes.set(this.place.mac, field.senderMac);
    write32(bytes, field.senderAddress, this.place.subnet.address);
    bytes.set(targetMac, field.targetMac);
    write32(bytes, field.targetAddress, target);
    return new Frame().start(0).add(bytes, 0, bytes.length);
  }
}

export const arpType = 0x0806;
const ethernet = 1;
const ipv4 = 0x0800;
const request = 1;
const reply = 2;
/** Offsets in the frame. */
const field = { operation: 20, senderMac: 22, senderAddress: 28, targetMac: 32, targetAddress: 38 } as const;
const arpFrameBytes = 42;
const leastFrameBytes = 60;
const everybody = new Uint8Array(6).fill(0xff);
const nobody = new Uint8Array(6);

/** Times in milliseconds: until a station is asked whether it is still there, until it is forgotten, for an answer. */
const doubtMs = 30_000;
const forgetMs = 60_000;
const answerMs = 1000;
/** How many stations are known. */
export const mostNeighbours = 1024;
/** How often is asked, and how many wait for a station. */
const questions = 3;
const mostWaiters = 64;
