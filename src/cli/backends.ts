import { Loopback, Switch, type FabricPortCounters, type Port } from '../fabric/index.js';
import { systemClock } from '../hosts/v86/clock.js';

/** A port of a backend, for one card. */
export type BackendPort = Port & { counters(): FabricPortCounters };

/** What the cards are connected to. */
export interface Backend {
  /** A port for another card; its address is for captures. */
  addPort(name: string, mac?: string): BackendPort;
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
  switch: (): Backend => {
    const fabric = new Switch({ clock: systemClock, deadline: patience });
    return {
      addPort: (name) => fabric.addPort(name),
      removePort: (port) => fabric.removePort(port),
      close: () => fabric.close(),
    };
  },
  loopback: (): Backend => ({
    addPort: (name) => new Loopback(name),
    removePort: () => undefined,
    close: () => undefined,
  }),
} as const satisfies Record<string, () => Backend>;

export type BackendName = keyof typeof backends;
