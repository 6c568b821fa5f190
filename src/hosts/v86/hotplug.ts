import { systemClock } from './clock.js';
import { UnplugError } from './errors.js';
import type { Execution } from './execution.js';
import { GeneralPurposeEvents } from './gpe.js';
import { hotplugBase, hotplugRegisters } from './hotplugPorts.js';
import { servePorts } from './ports.js';
import type { V86Acpi, V86Io } from './v86.js';

/** The general-purpose event that has firmware's ACPI tables look at these registers. */
const hotplugEvent = 1;

/** How long a guest has to give a card up, in milliseconds. */
const defaultPatience = 30_000;

/** The slots of the bus as sets, one bit for each. */
export interface Slots {
  /** Those with cards that can come and go. */
  cards(): number;
  /** Those with devices that stay where they are. */
  fixed(): number;
  /** Takes the card out of a slot; there may be none. */
  remove(slot: number): void;
}

interface Request {
  readonly done: Promise<void>;
  readonly settle: (error?: Error) => void;
}

/**
 * The hot-plug controller. A guest learns of cards that came, and of those that it is to give up, by an event upon which
 * firmware's ACPI tables read the registers that say which; it gives a card up by writing to one of them.
 */
export class HotPlug {
  private readonly slots: Slots;
  private readonly execution: Execution;
  private readonly events: GeneralPurposeEvents;
  /** By slot: cards that the guest was asked to give up. */
  private readonly requests = new Map<number, Request>();

  constructor(io: V86Io, acpi: V86Acpi, execution: Execution, slots: Slots) {
    this.slots = slots;
    this.execution = execution;
    this.events = new GeneralPurposeEvents(io, acpi, execution);
    const registers = hotplugRegisters({
      // The tables read this once for each slot, so that it cannot say what is new since the last time. A guest that is
      // told again of a card that it knows finds nothing to do.
      up: () => slots.cards(),
      down: () => this.leaving,
      eject: (ejected) => this.eject(ejected),
      removable: () => ~slots.fixed(),
    });
    servePorts(io, hotplugBase, registers.size, registers);
  }

  /** Tells the guest of a card that came. */
  announce(): void {
    this.events.raise(hotplugEvent);
  }

  /**
   * Asks the guest to give up the card in a slot, and answers when it has; at once if it has not run yet.
   * @param patience how long it may take, in milliseconds
   * @throws UnplugError when it does not; the request is withdrawn then
   */
  request(slot: number, patience = defaultPatience): Promise<void> {
    const asked = this.requests.get(slot);
    if (asked) return asked.done;
    if (!this.execution.started) {
      this.slots.remove(slot);
      return Promise.resolve();
    }
    let settle: Request['settle'] = () => undefined;
    const done = new Promise<void>((resolve, reject) => {
      const cancel = systemClock.after(patience, () => {
        const wants = 'its kernel needs ACPI PCI hot plug, and an emulator whose cards were there before it booted';
        settle(new UnplugError(`The guest did not give up the card in slot ${slot} in ${patience} ms: ${wants}.`));
      });
      settle = (error) => {
        cancel();
        this.requests.delete(slot);
        if (error) reject(error);
        else resolve();
      };
    });
    this.requests.set(slot, { done, settle });
    this.events.raise(hotplugEvent);
    return done;
  }

  /** A card is gone, whoever took it out. */
  removed(slot: number): void {
    this.requests.get(slot)?.settle();
  }

  /** The machine was reset, by which its guest gave up what it was asked for. */
  reset(): void {
    this.eject(this.leaving);
  }

  /** The guest is another one, from a saved state: it is told what this machine wants, and of cards that it has `added`. */
  restored(added: boolean): void {
    if (added || this.requests.size > 0) this.events.raise(hotplugEvent);
  }

  private get leaving(): number {
    let slots = 0;
    for (const slot of this.requests.keys()) slots |= 1 << slot;
    return slots;
  }

  private eject(slots: number): void {
    const cards = this.slots.cards();
    for (let slot = 0; slot < 32; slot++) if (slots & cards & (1 << slot)) this.slots.remove(slot);
  }
}
