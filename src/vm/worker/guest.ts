import * as Comlink from 'comlink';

import { newSleepWord, type SharedPortCounters, type SleepWord } from '../../fabric/index.js';
import { Signal } from '../../virtio/signal.js';
import type { CardReport } from '../cardReport.js';
import { bringUp } from '../cards.js';
import type { SerialLine } from '../console.js';
import type { MachineOptions } from '../emulator.js';
import { GuestEnded } from '../failures.js';
import { bootMachine, RunningGuest, type Booted, type BootOptions } from '../guest.js';
import type { Machine } from '../machine.js';
import type { GuestProblem } from '../problems.js';
import type { WorkerCardOptions, WorkerHost } from './host.js';
import { Lifetime } from './lifetime.js';
import type { Member } from './mesh.js';

/** A worker, of Node or of a browser, as Comlink talks to it. */
export interface GuestWorker {
  readonly endpoint: Comlink.Endpoint;
  terminate(): void;
  /** Settles when the worker fails. */
  readonly failed: Promise<Error>;
}

export interface WorkerGuestOptions extends BootOptions {
  /** How long a frame may wait for its receiver, in milliseconds; 5000 when left out. */
  readonly deadline?: number | undefined;
}

type HostClass<H> = new (asleep: SharedArrayBuffer, deadline?: number) => H;

/** A card of a guest in another worker. */
export interface WorkerCard {
  readonly slot: number;
  /** What the guest calls its interface: eth0. */
  readonly interfaceName: string;
  readonly address?: string | undefined;
  report(): Promise<CardReport>;
  setLink(up: boolean): Promise<void>;
  /** Has the guest give the card up. @throws Error when it does not within the time, 30 s when left out */
  unplug(options?: { readonly timeoutMs?: number }): Promise<void>;
}

/** What a guest's worker is talked to by. */
interface Connection<H> {
  readonly host: Comlink.Remote<H>;
  readonly lifetime: Lifetime;
  /** Rejects with GuestEnded when the worker fails. */
  readonly failed: Promise<never>;
  readonly asleep: SleepWord;
}

/** A guest in a worker of its own. @typeParam H what its worker is, where it runs a script of one's own */
export class WorkerGuest<H extends WorkerHost = WorkerHost> extends RunningGuest {
  /** Its worker, for who joins it with others. */
  readonly member: Member;
  private readonly host: Comlink.Remote<H>;
  private readonly lifetime: Lifetime;

  private constructor(booted: Booted, onProblem: Signal<GuestProblem>, connection: Connection<H>) {
    super(booted, onProblem);
    const { host, lifetime, failed, asleep } = connection;
    this.host = host;
    this.lifetime = lifetime;
    this.member = {
      asleep,
      addLink: (name, end) =>
        this.ask((there) => there.addLink(name, Comlink.transfer(end, [end.bell as MessagePort]))),
      removeLink: (name) => this.ask((there) => there.removeLink(name)),
      failed: failed.catch((error: unknown) => error),
    };
    failed.catch((error: unknown) => {
      const reason = error as GuestEnded;
      this.console.close(reason.message);
      lifetime.end(reason);
    });
  }

  /**
   * Boots a guest in a worker, or takes it from a snapshot; see `Guest.create`. The worker ends with the guest.
   */
  static async create<H extends WorkerHost = WorkerHost>(
    worker: GuestWorker,
    options: WorkerGuestOptions,
  ): Promise<WorkerGuest<H>> {
    const asleep = newSleepWord();
    const lifetime = new Lifetime();
    const Host = Comlink.wrap<HostClass<WorkerHost>>(worker.endpoint);
    const failed = worker.failed.then((error) =>
      Promise.reject(new GuestEnded(`The guest's worker failed: ${String(error)}`)),
    );
    try {
      const host = await Promise.race([new Host(asleep, options.deadline), failed]);
      const onProblem = new Signal<GuestProblem>();
      const booting = bootMachine(options, (machine) => remoteMachine(worker, host, lifetime, machine, onProblem));
      const booted = await Promise.race([booting, failed]);
      return new WorkerGuest(booted, onProblem, { host: host as Comlink.Remote<H>, lifetime, failed, asleep });
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  /** Asks the worker for something. @throws GuestEnded when it fails or is stopped meanwhile, or was before */
  ask<T>(question: (host: Comlink.Remote<H>) => Promise<T>): Promise<T> {
    return this.lifetime.ask(() => question(this.host));
  }

  /**
   * Plugs a card in while the guest runs; when this answers, the guest has an interface for it that is up.
   * @throws UserError for an address that is none, and when the guest makes no interface of the card
   */
  async addCard(options: WorkerCardOptions & { readonly address?: string } = {}): Promise<WorkerCard> {
    const { address, ...cardOptions } = options;
    const up = bringUp(this, address);
    const slot = await this.ask((host) => host.plug(cardOptions));
    const interfaceName = await up(slot);
    return {
      slot,
      interfaceName,
      address,
      report: () => this.ask((host) => host.report(slot)),
      setLink: (isUp) => this.ask((host) => host.setLink(slot, isUp)),
      unplug: ({ timeoutMs } = {}) => this.ask((host) => host.unplug(slot, timeoutMs)),
    };
  }

  /** What passed the links to the other workers. */
  links(): Promise<({ name: string } & SharedPortCounters)[]> {
    return this.ask((host) => host.links());
  }
}

async function remoteMachine(
  worker: GuestWorker,
  host: Comlink.Remote<WorkerHost>,
  lifetime: Lifetime,
  options: MachineOptions,
  onProblem: Signal<GuestProblem>,
): Promise<Machine> {
  let listeners: readonly ((bytes: Uint8Array) => void)[] = [];
  const onBytes = (bytes: Uint8Array): void => {
    for (const listener of listeners) listener(bytes);
  };
  const report = (problem: GuestProblem): void => onProblem.emit(problem);
  await host.create(options, Comlink.proxy(onBytes), Comlink.proxy(report));
  let gone: Promise<void> | undefined;
  const line: SerialLine = {
    send: (bytes) => void (gone ?? host.send(bytes)),
    onBytes: (listener) => {
      listeners = [...listeners, listener];
      return () => (listeners = listeners.filter((other) => other !== listener));
    },
  };
  const end = async (): Promise<void> => {
    lifetime.end(new GuestEnded('The guest was stopped.'));
    await Promise.race([host.destroy(), worker.failed]);
    host[Comlink.releaseProxy]();
    worker.terminate();
  };
  return {
    line,
    restore: (state) => lifetime.ask(() => host.restore(state)),
    run: () => lifetime.ask(() => host.run()),
    pause: () => lifetime.ask(() => host.pause()),
    save: () => lifetime.ask(() => host.save()),
    destroy: () => (gone ??= end()),
  };
}
