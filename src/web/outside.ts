import {
  BroadcastPort,
  connect,
  inBrowserChannel,
  type RelayClient,
  type Switch,
  type WireCounters,
  type WireEvent,
} from '../fabric/index.js';
import { openRelay } from '../fabric/index.web.js';
import { allDropped } from '../net/index.js';
import { UserError } from '../vm/index.js';
import type { Clock } from '../virtio/clock.js';

/** A network that the page joined. */
export interface Joined {
  /** What it is, for a person. */
  readonly name: string;
  /** How it stands now, for a person. */
  readonly state: string;
  counters(): WireCounters;
  leave(): void;
}

/** Pages pass each other nothing from one of these networks to another: that would be a loop where two are on both. */
const group = 'outside';

/** What else the page is joined with. */
export class Outside {
  private readonly fabric: Switch;
  private readonly clock: Clock;
  private readonly all = new Map<string, Joined>();

  constructor(fabric: Switch, clock: Clock) {
    this.fabric = fabric;
    this.clock = clock;
  }

  get joined(): readonly Joined[] {
    return [...this.all.values()];
  }

  /**
   * Joins the other pages of this origin on a network as v86's `inbrowser`.
   * @throws UserError for a number that is none
   */
  joinPages(number: string): void {
    if (!/^\d{1,9}$/.test(number)) throw new UserError(`A network of pages has a whole number; '${number}' is none.`);
    const name = inBrowserChannel(Number(number));
    this.add(name, () => {
      const port = new BroadcastPort(new BroadcastChannel(name), { clock: this.clock, name });
      return { port, state: () => 'joined' };
    });
  }

  /** Connects to a WebSocket relay, again and again. @throws UserError for what is no URL of one */
  joinRelay(url: string): void {
    if (!/^wss?:\/\//.test(url)) throw new UserError(`A relay has a URL like wss://relay.example/; '${url}' is none.`);
    this.add(url, () => {
      const port = relay(url, this.clock);
      let state = 'connecting';
      port.onEvent.on((event) => (state = stateText(event)));
      return { port, state: () => state };
    });
  }

  private add(name: string, open: () => { port: BroadcastPort | RelayClient; state: () => string }): void {
    if (this.all.has(name)) throw new UserError(`The page has joined ${name} already.`);
    const { port, state } = open();
    const place = this.fabric.addPort(name, { group });
    connect(place, port);
    const leave = (): void => {
      this.all.delete(name);
      this.fabric.removePort(place);
      port.close();
    };
    // What the page's switch dropped on its way there was lost, too.
    const counters = (): WireCounters => {
      const own = port.counters();
      return { ...own, dropped: allDropped([own, ...place.counters().lanes]) };
    };
    this.all.set(name, {
      ...{ name, counters, leave },
      get state() {
        return state();
      },
    });
  }
}

function relay(url: string, clock: Clock): RelayClient {
  try {
    return openRelay(url, { clock });
  } catch (error) {
    // A page that came by https may connect with wss only, for one.
    throw new UserError(`The relay ${url} can't be joined: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function stateText(event: WireEvent): string {
  if (event.kind === 'connected') return 'connected';
  const reason = event.reason === undefined ? '' : `: ${event.reason}`;
  return `not connected${reason}; next try after ${(event.retryMs / 1000).toFixed(1)} s`;
}
