import * as Comlink from 'comlink';
import { existsSync } from 'node:fs';

import { Capture, CaptureOutbox, MergedCapture, Switch, type CaptureInput } from '../../fabric/index.js';
import { systemClock } from '../../hosts/v86/index.js';
import { startWorkerGuests, type WorkerGuest } from '../../vm/index.node.js';
import { patience, switchBackend, type Backend } from '../backends.js';
import { captured, timeOfDay } from '../captured.js';
import type { CaptureWish } from '../capture.js';
import type { StationHost } from './host.js';
import type { Place } from './place.js';
import type { CardEvents, GuestCards } from './plan.js';

const script = new URL('./vmq.worker.js', import.meta.url);

/** Whether what the workers run is there; it is not where the command itself runs from its sources. */
export function haveWorkers(): boolean {
  return existsSync(script);
}

/** Each guest in a worker of its own. The switch of this thread is joined with theirs only where there are ways out. */
export function inWorkers(wish: CaptureWish | undefined): Place {
  const ownSwitch = new Switch({ clock: systemClock, deadline: patience });
  const merged = wish && new MergedCapture(wish.sink, { ...wish, clock: systemClock, now: () => timeOfDay() * 1000 });
  const fabric = merged ? capturedHere(switchBackend(ownSwitch), merged, wish) : switchBackend(ownSwitch);
  return {
    fabric,
    capture: merged,
    async start({ events, first = 1, hasPorts, queuePairs, ...options }) {
      const guests = await startWorkerGuests<StationHost>({
        ...options,
        ...{ first, lanes: queuePairs, deadline: patience, script },
        ...(hasPorts && { fabric: ownSwitch }),
      });
      try {
        await Promise.all(guests.map((guest, index) => prepare(guest, events(first + index), merged, wish)));
      } catch (error) {
        await Promise.all(guests.map((guest) => guest.stop()));
        throw error;
      }
      return guests.map((guest) => {
        merged?.add(captureOf(guest));
        return { guest, cards: cardsOf(guest) };
      });
    },
  };
}

/** The ports of this thread's switch are captured as well. */
function capturedHere(backend: Backend, merged: MergedCapture, { snapLength }: CaptureWish): Backend {
  const outbox = new CaptureOutbox(() => merged.ready());
  const capture = new Capture(outbox, { clock: systemClock, date: timeOfDay(), snapLength });
  merged.add({
    take: () => outbox.take(),
    close: () => capture.close(),
    counters: () => capture.counters(),
  });
  return captured(backend, capture);
}

function prepare(
  guest: WorkerGuest<StationHost>,
  events: CardEvents,
  merged: MergedCapture | undefined,
  wish: CaptureWish | undefined,
): Promise<void> {
  return guest.ask((host) =>
    host.prepare(
      Comlink.proxy((text: string) => events.note(text)),
      Comlink.proxy((count: number) => events.pairs(count)),
      wish && { snapLength: wish.snapLength },
      Comlink.proxy(() => merged?.ready()),
    ),
  );
}

function captureOf(guest: WorkerGuest<StationHost>): CaptureInput {
  return {
    take: () => guest.ask((host) => host.takeCaptured()),
    close: () => guest.ask((host) => host.closeCapture()),
    counters: () => guest.ask((host) => host.captureCounters()),
  };
}

function cardsOf(guest: WorkerGuest<StationHost>): GuestCards {
  return {
    plug: (plan) => guest.ask((host) => host.plugCard(plan)),
    status: (slot) => guest.ask((host) => host.cardStatus(slot)),
    unplug: (slot) => guest.ask((host) => host.unplugCard(slot)),
  };
}
