import { NetDriver, openModern } from '../../src/driver/index.js';
import { BroadcastPort, connect, inBrowserChannel, Switch, type WireCounters } from '../../src/fabric/index.js';
import { systemClock } from '../../src/hosts/v86/clock.js';
import { inProcess } from '../../src/lab/targets/inProcess.js';

/** What the script of this page is for: a card with its driver, on a switch that is joined to the other pages. */
export interface CardPage {
  send(frames: readonly (readonly number[])[]): Promise<void>;
  /** All that the driver has received since the last time. */
  take(): Promise<number[][]>;
  counters(): WireCounters;
}

declare global {
  interface Window {
    start(mac: string): Promise<void>;
    page: CardPage;
  }
}

window.start = async (mac) => {
  const fabric = new Switch({ clock: systemClock });
  const port = new BroadcastPort(new BroadcastChannel(inBrowserChannel()), { clock: systemClock });
  connect(port, fabric.addPort('pages'));
  const card = inProcess({ mac });
  connect(card.device, fabric.addPort('card'));
  const driver = await NetDriver.start(await openModern(card.machine), { pairs: 1 });
  window.page = {
    send: (frames) =>
      driver.send(
        0,
        frames.map((frame) => Uint8Array.from(frame)),
      ),
    take: async () => (await driver.receive()).map(({ frame }) => [...frame]),
    counters: () => port.counters(),
  };
};
