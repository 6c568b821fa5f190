import type { V86 } from 'v86';

import type { PortLosses } from '../../fabric/index.js';
import { systemClock, type VirtioNetCard } from '../../hosts/v86/index.js';
import { checkDriver, type DriverChecker } from '../../lab/checker/index.js';
import { injectFaults, type FaultInjection } from '../../lab/faults/index.js';
import { attachToPort, brokenRuleText, cardUse, shareOfLosses, withLosses } from '../../vm/index.js';
import type { Backend, BackendPort } from '../backends.js';
import { negotiated } from '../negotiated.js';
import { FaultLog } from './faultLog.js';
import type { CardEvents, CardPlan, CardStatus } from './plan.js';

/** A card that was just plugged in, with what is around it: in the thread in which its guest runs. */
export class StationCard {
  readonly card: VirtioNetCard;
  private readonly port: BackendPort;
  private readonly faults = new FaultLog();
  private readonly injection: FaultInjection | undefined;
  private readonly checker: DriverChecker | undefined;

  /** @param note told of each rule that the driver breaks for the first time */
  constructor(card: VirtioNetCard, port: BackendPort, plan: CardPlan, note: (text: string) => void) {
    this.card = card;
    this.port = port;
    const { faults = [], checkDriver: watched = false } = plan;
    if (faults.length > 0) this.injection = injectFaults(card, faults, systemClock);
    // Behind the faults, so that it sees what the driver sees.
    if (watched) this.checker = checkDriver(card.function);
    card.function.onFault.on((event) => {
      if (!this.faults.add(event)) return;
      note(brokenRuleText(plan.card.name, event.fault.message, event.needsReset));
    });
  }

  /** @param besides what else of the fabric lost frames, and is told with this card */
  status(besides: readonly PortLosses[] = []): CardStatus {
    const { card, port } = this;
    return {
      mac: card.device.mac,
      ...cardUse(card),
      ...negotiated(card),
      lanes: withLosses(card.device.counters, [port.counters(), ...besides]),
      faults: this.faults.entries,
      injected: this.injection?.counts ?? [],
      driver: this.checker?.report(),
    };
  }
}

/** The cards of a guest, in the thread in which it runs. */
export class StationCards {
  private readonly emulator: V86;
  private readonly backend: Backend;
  private readonly events: CardEvents;
  /** The last card of each slot; of one that the guest gave up it can still be told how it was. */
  private readonly bySlot = new Map<number, StationCard>();

  constructor(emulator: V86, backend: Backend, events: CardEvents) {
    this.emulator = emulator;
    this.backend = backend;
    this.events = events;
  }

  /** Plugs a card in, connected to the fabric. Answers its slot. */
  plug(plan: CardPlan): number {
    const { name, mac } = plan.card;
    const port = this.backend.addPort(name, { mac, conditions: plan.conditions });
    const card = attachToPort(this.emulator, plan.card, port, this.backend);
    const { device, slot } = card;
    if (this.bySlot.size === 0) {
      const tell = (): void => this.events.pairs(device.lanes);
      device.onQueuePairs.on(tell);
      tell();
    }
    this.bySlot.set(slot, new StationCard(card, port, plan, (text) => this.events.note(text)));
    return slot;
  }

  /** @param besides ports that carry the frames of all these cards; a sum over the cards has their losses once */
  status(slot: number, besides: readonly PortLosses[] = []): CardStatus {
    const station = this.at(slot);
    const cards = [...this.bySlot.values()].map(({ card }) => card);
    return station.status(shareOfLosses(besides, station.card, cards));
  }

  unplug(slot: number): Promise<void> {
    return this.at(slot).card.unplug();
  }

  private at(slot: number): StationCard {
    const card = this.bySlot.get(slot);
    if (!card) throw new Error(`There is no card in slot ${slot}.`);
    return card;
  }
}
