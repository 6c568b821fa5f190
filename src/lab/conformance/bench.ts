import {
  everythingBut,
  features,
  ModernTransport,
  NetDriver,
  openModern,
  openTransport,
  until,
  withoutOrphans,
  type FeatureName,
  type Machine,
  type NetDriverOptions,
} from '../../driver/index.js';
import type { Target, Wire, WireFrame } from '../targets/target.js';
import { Skipped } from './case.js';

/** What a driver of a case is made of: as `NetDriverOptions`, but for features, which are named. */
export interface StartOptions extends Omit<NetDriverOptions, 'accept'> {
  /** The layout of the queues; split when left out. */
  readonly ring?: 'split' | 'packed';
  readonly through?: 'bars' | 'window' | 'legacy';
  /** Features to leave out. */
  readonly except?: readonly FeatureName[];
  /** Features to accept, and no others; VIRTIO_F_VERSION_1 is always accepted. */
  readonly only?: readonly FeatureName[];
}

/** How often the machine goes on when nothing is expected to happen. */
const quietRounds = 3;

/** A fresh card, and what cases do with it. */
export class Bench {
  readonly target: Target;

  constructor(target: Target) {
    this.target = target;
  }

  get machine(): Machine {
    return this.target.machine;
  }

  get wire(): Wire {
    return this.target.wire;
  }

  /** The card's registers, with BARs placed and nothing else done. */
  modern(): Promise<ModernTransport> {
    return openModern(this.machine);
  }

  /** A whole driver, with rings of 16 entries unless told otherwise. */
  async start(options: StartOptions = {}): Promise<NetDriver> {
    const { through, ...rest } = options;
    return NetDriver.start(await openTransport(this.machine, through), {
      queueSize: 16,
      ...rest,
      accept: choice(options),
    });
  }

  /** Waits for so many frames from the card. @throws TimeoutError */
  fromCard(count: number): Promise<WireFrame[]> {
    const taken: WireFrame[] = [];
    return until(this.machine, `${count} frames from the card`, async () => {
      taken.push(...(await this.wire.take()));
      return taken.length >= count ? taken : undefined;
    });
  }

  /** Gives the card time to do what it should not do. */
  async quiet(): Promise<void> {
    for (let round = 0; round < quietRounds; round++) await this.machine.settle();
  }

  /** One of the target's abilities. @throws Skipped when it does not have it */
  ability<Name extends 'setLink' | 'reset' | 'announce'>(name: Name): NonNullable<Target[Name]> {
    const ability = this.target[name];
    if (!ability) throw new Skipped(`${this.machine.name} has no way to ${abilities[name]} from outside`);
    return ability;
  }
}

/** The registers of a driver that uses the modern interface. */
export function modernOf({ transport }: NetDriver): ModernTransport {
  if (!(transport instanceof ModernTransport)) throw new TypeError('the driver uses the legacy interface');
  return transport;
}

/** What a driver with these options accepts of what it is offered. */
export function choice({ ring = 'split', except = [], only }: StartOptions): (offered: bigint) => bigint {
  const left = [...except, ...(ring === 'packed' ? [] : packed)];
  if (!only) return everythingBut(...left);
  // What a case names it knows how to use, also if the driver does not by itself.
  const wanted = features(...only, ...always, ...(ring === 'packed' ? packed : [])) & ~features(...left);
  return (offered) => withoutOrphans(offered & wanted);
}

const always = ['VIRTIO_F_VERSION_1'] as const;
const packed = ['VIRTIO_F_RING_PACKED'] as const;

const abilities = {
  setLink: 'switch the link',
  reset: 'reset the machine',
  announce: 'ask for an announcement',
} as const;
