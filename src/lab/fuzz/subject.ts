import {
  allOffloads,
  connect,
  Frame,
  neededOffloads,
  NetDevice,
  netFeatures,
  Sent,
  type Port,
} from '../../net/index.js';
import { Segments } from '../../net/link/segments.js';
import { VirtioPciFunction, type FaultEvent } from '../../pci/index.js';
import * as layout from '../../pci/layout.js';
import { ManualClock } from '../../virtio/clock.js';
import type { Feature } from '../../virtio/features.js';
import type { AccessWidth } from '../../virtio/registers.js';
import { driverRules } from '../../virtio/rules.js';
import { WatchedMemory } from './memory.js';
import type { FuzzRing } from './rings.js';
import { mostQueues } from './rings.js';

/** Something that the card must not do. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

export interface CardWish {
  readonly queuePairs: number;
  readonly queueSize: number;
  readonly transitional: boolean;
  readonly vectors: number | undefined;
  /** What a card offers only when it is asked to, too. */
  readonly allFeatures: boolean;
}

/** As many frames and messages as no input comes near to, unless the card sends for ever. */
const mostEvents = 100_000;

const firstMac = '52:54:00:12:34:56';

/** A card in a machine with nothing else, what is at the other end of its cable, and its driver's state. */
export class Subject {
  readonly memory = new WatchedMemory();
  readonly clock = new ManualClock();
  readonly wish: CardWish;
  device: NetDevice;
  function: VirtioPciFunction;
  /** By queue. */
  readonly rings: (FuzzRing | undefined)[] = new Array<undefined>(mostQueues).fill(undefined);
  /** What the other end answers to frames from the card. */
  peerAnswers: Sent = Sent.taken;
  /** What the other end can do itself of a frame that asks for something; the rest is done before, as a fabric does. */
  peerOffloads = allOffloads;
  /** Frames that went either way, by what was answered; of those to the card the answer is the card's. */
  readonly out = { [Sent.taken]: 0, [Sent.dropped]: 0, [Sent.full]: 0 };
  readonly in = { [Sent.taken]: 0, [Sent.dropped]: 0, [Sent.full]: 0 };
  /** What can be told of the way that an input took, for who looks for new ways. */
  readonly signs = new Set<string>();
  private readonly frame = new Frame();
  private readonly segments = new Segments();
  private events = 0;

  constructor(wish: CardWish) {
    this.wish = wish;
    [this.device, this.function] = this.plug();
  }

  /** Puts a new card in place of the one there is, with the same options; for saved states. */
  replace(): void {
    [this.device, this.function] = this.plug();
  }

  get queueCount(): number {
    return this.device.queueSizes.length;
  }

  /** The memory BAR, and the I/O BAR of transitional cards. */
  get memoryBar(): number {
    return layout.memoryBar(this.device.transitional);
  }

  read(bar: number, offset: number, width: AccessWidth): number {
    return this.sane(this.function.bars[bar]?.read(offset, width) ?? 0, width);
  }

  write(bar: number, offset: number, width: AccessWidth, value: number): void {
    this.function.bars[bar]?.write(offset, width, value);
  }

  common(offset: number, width: AccessWidth): number {
    return this.read(this.memoryBar, layout.commonOffset + offset, width);
  }

  setCommon(offset: number, width: AccessWidth, value: number): void {
    this.write(this.memoryBar, layout.commonOffset + offset, width, value);
  }

  readConfig(offset: number, width: AccessWidth): number {
    return this.sane(this.function.config.read(offset, width), width);
  }

  /** The other end sends a frame, and what the card is to know of it. */
  deliver(bytes: Uint8Array, describe: Partial<Frame> = {}): Sent {
    const frame = Object.assign(this.frame.start(0).add(bytes, 0, bytes.length), describe);
    const answer = this.device.send(frame, this.device.steer(frame));
    this.in[answer]++;
    this.signs.add(`in ${answer}`);
    return answer;
  }

  private plug(): [NetDevice, VirtioPciFunction] {
    const { queuePairs, queueSize, transitional, vectors, allFeatures } = this.wish;
    const device = new NetDevice(this.clock, {
      ...{ mac: firstMac, queuePairs, queueSize, transitional },
      features: allFeatures ? unusual(transitional) : {},
    });
    const fn = new VirtioPciFunction(device, { vectors });
    fn.plug({
      memory: this.memory,
      message: () => this.count(),
      interrupt: () => this.count(),
      mapBar: () => undefined,
    });
    fn.onFault.on((event) => this.checkFault(event));
    fn.onNegotiated.on(({ accepted }) => accepted.forEach((name) => this.signs.add(name)));
    connect(device, this.peer());
    return [device, fn];
  }

  private peer(): Port {
    return {
      name: 'peer',
      lanes: 1,
      listening: true,
      offloads: allOffloads,
      steer: () => 0,
      send: (frame) => {
        this.count();
        this.look(frame);
        this.out[this.peerAnswers]++;
        this.signs.add(`out ${this.peerAnswers} ${frame.gso} ${frame.needsChecksum} ${frame.tunnel}`);
        return this.peerAnswers;
      },
      flush: () => this.count(),
      room: () => this.count(),
      attach: () => undefined,
    };
  }

  /** Whoever receives looks at all of a frame, and has done for it what it can't do. */
  private look(frame: Frame): void {
    frame.toBytes();
    if ((neededOffloads(frame) & ~this.peerOffloads) === 0) return;
    const fits = this.segments.start(frame, this.peerOffloads);
    this.signs.add(`segments ${frame.gso} ${fits}`);
    for (let part = fits ? this.segments.next() : undefined; part; part = this.segments.next()) {
      this.count();
      if (part.toBytes().length > frame.length) throw new Finding('a segment is longer than the packet');
    }
  }

  private count(): void {
    if (++this.events > mostEvents) throw new Finding(`more than ${mostEvents} frames, interrupts and calls`);
  }

  private checkFault({ fault, needsReset }: FaultEvent): void {
    if (!Object.hasOwn(driverRules, fault.rule)) throw new Finding(`a fault of no rule: ${fault.message}`);
    this.signs.add(`${fault.rule} ${needsReset}`);
  }

  private sane(value: number, width: AccessWidth): number {
    if (Number.isInteger(value) && value >= 0 && value < 2 ** (8 * width)) return value;
    throw new Finding(`a register of ${width} bytes reads as ${value}`);
  }
}

/** The features that a card offers only when it is asked to. */
function unusual(transitional: boolean): Record<string, boolean> {
  const known: readonly Feature[] = netFeatures;
  const asked = known.filter(
    ({ offeredByDefault, legacyOnly }) => offeredByDefault === false && (transitional || !legacyOnly),
  );
  return Object.fromEntries(asked.map(({ name }) => [name, true]));
}
