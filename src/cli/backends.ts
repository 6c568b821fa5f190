import { Loopback, Switch, type FabricPortCounters, type LinkConditions, type Port } from '../fabric/index.js';
import { systemClock } from '../hosts/v86/clock.js';

/** A port of a backend, for one card. */
export type BackendPort = Port & { counters(): FabricPortCounters };

/** What is known of a card and its link, for what stands between it and its port. */
export interface CardLink {
  readonly mac: string;
  readonly conditions: LinkConditions | undefined;
}

/** What the cards are connected to. */
export interface Backend {
  /** A port for another card. */
  addPort(name: string, about?: CardLink): BackendPort;
  /** Takes a port away again. */
  removePort(port: Port): void;
  close(): void;
}

/**
 * How long a frame may wait for its receiver, in milliseconds. Guests are slow before their code is translated, more so on
 * a busy machine; a receiver that takes nothing for as long as this has most likely gone.
 */
export const patience = 10_000;

/** The backends by their names on the command line. */
export const backends = {
  switch: (): Backend => switchBackend(new Switch({ clock: systemClock, deadline: patience })),
  loopback: (): Backend => ({
    addPort: (name) => new Loopback(name),
    removePort: () => undefined,
    close: () => undefined,
  }),
} as const satisfies Record<string, () => Backend>;

export type BackendName = keyof typeof backends;

export function switchBackend(fabric: Switch): Backend {
  return {
    addPort: (name) => fabric.addPort(name),
    removePort: (port) => fabric.removePort(port),
    close: () => fabric.close(),
  };
}

/** A backend that has something before each of its ports: `place` answers what is to be connected with instead. */
export function before(backend: Backend, place: (port: BackendPort, about?: CardLink) => BackendPort): Backend {
  const plain = new Map<Port, BackendPort>();
  return {
    addPort(name, about) {
      const port = backend.addPort(name, about);
      const placed = place(port, about);
      plain.set(placed, port);
      return placed;
    },
    removePort(placed) {
      const port = plain.get(placed);
      plain.delete(placed);
      if (port) backend.removePort(port);
    },
    close: () => backend.close(),
  };
}
