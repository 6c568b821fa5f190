import { Capture } from '../../fabric/index.js';
import { systemClock } from '../../hosts/v86/index.js';
import { startGuests } from '../../vm/index.node.js';
import { backends, type BackendName } from '../backends.js';
import { captured } from '../captured.js';
import type { CaptureWish } from '../capture.js';
import { conditioned } from '../links.js';
import { StationCards } from './cards.js';
import type { Place } from './place.js';
import type { GuestCards } from './plan.js';

/** All guests in this thread. */
export function oneThread(name: BackendName, wish: CaptureWish | undefined): Place {
  const capture = wish && new Capture(wish.sink, { ...wish, clock: systemClock });
  const linked = conditioned(backends[name]());
  const fabric = capture ? captured(linked, capture) : linked;
  return {
    fabric,
    capture,
    async start({ events, first = 1, ...options }) {
      const guests = await startGuests({ ...options, first });
      return guests.map((guest, index) => {
        return { guest, cards: here(new StationCards(guest.emulator, fabric, events(first + index))) };
      });
    },
  };
}

function here(cards: StationCards): GuestCards {
  return {
    plug: (plan) => Promise.resolve(cards.plug(plan)),
    status: (slot) => Promise.resolve(cards.status(slot)),
    unplug: (slot) => cards.unplug(slot),
  };
}
