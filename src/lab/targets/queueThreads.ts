import { ManualClock } from '../../virtio/clock.js';
import type { NetDevice, NetDeviceOptions } from '../../net/index.js';
import { VirtioPciFunction } from '../../pci/index.js';
import { planCards, QueueService, QueueThreads, type QueuePlan } from '../../queues/index.js';
import { CardWire } from './cardWire.js';
import { attempt, machineFrom } from './immediate.js';
import { BareMachine } from './inProcess.js';
import type { Target, WireFrame } from './target.js';

/** How to reach threads that serve queues by this plan, and what to do with the control thread's side of them. */
export interface Threads {
  /** By thread: asks it. */
  readonly calls: ConstructorParameters<typeof QueueThreads>[3];
  /** The threads' clock goes on. */
  readonly advance: (milliseconds: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Our card in a machine without an emulator, each pair of it served by one of some threads. */
export interface QueueThreadsTarget extends Target {
  readonly plan: QueuePlan;
  /** Its RAM. */
  readonly memory: SharedArrayBuffer;
  readonly hardware: BareMachine;
  readonly device: NetDevice;
  readonly function: VirtioPciFunction;
  readonly threads: QueueThreads;
}

/** How threads of a plan are started; `rung` is for what they tell. */
type Start = (plan: QueuePlan, rung: (thread: number) => void) => Threads;

/**
 * Machines with a card each, all served by the same threads.
 * @param joined the first two cards send to each other, pair to pair, and not to their wires
 * @throws RangeError for an option out of its range
 */
export function queueThreadsMachines(
  count: number,
  options: readonly Partial<NetDeviceOptions>[],
  joined: boolean,
  start: Start,
): QueueThreadsTarget[] {
  const clock = new ManualClock();
  const cards = options.map((device, card) => ({
    memory: new SharedArrayBuffer(ramBytes),
    device: { mac: `52:54:00:12:34:${56 + card}`, ...device },
    ...(joined && { joined: 1 - card }),
  }));
  const plan = planCards(count, cards);
  const { calls, advance, close } = start(plan, (thread) => threads.rung(thread));
  const threads = new QueueThreads(clock, plan, cards, calls);
  const advanceAll = async (milliseconds: number): Promise<void> => {
    await advance(milliseconds);
    clock.advance(milliseconds);
  };
  const end = async (): Promise<void> => {
    try {
      threads.end();
    } finally {
      await close();
    }
  };
  return threads.devices.map((device, card) =>
    targetOf(device, cards[card].memory, clock, plan, threads, advanceAll, end),
  );
}

export function queueThreads(count: number, options: Partial<NetDeviceOptions>, start: Start): QueueThreadsTarget {
  return queueThreadsMachines(count, [options], false, start)[0];
}

function targetOf(
  device: NetDevice,
  memory: SharedArrayBuffer,
  clock: ManualClock,
  plan: QueuePlan,
  threads: QueueThreads,
  advance: Threads['advance'],
  close: Threads['close'],
): QueueThreadsTarget {
  const inserted = new VirtioPciFunction(device);
  const hardware = new BareMachine(inserted, clock, memory);
  /** Whether something was done of which the threads may have yet to see. */
  let fresh = true;
  const settle = (): void => {
    fresh = false;
    threads.settle();
  };
  /** What the driver did has its effects before it looks again. */
  const looking = <Args extends readonly unknown[], T>(look: (...args: Args) => Promise<T>) => {
    return async (...args: Args): Promise<T> => {
      if (fresh) settle();
      return look(...args);
    };
  };
  const doing = <Args extends readonly unknown[], T>(act: (...args: Args) => Promise<T>) => {
    return (...args: Args): Promise<T> => {
      fresh = true;
      return act(...args);
    };
  };
  const machine = machineFrom(hardware);
  const wire = new CardWire(device);
  return {
    machine: {
      ...machine,
      readPort: looking((port, width) => machine.readPort(port, width)),
      writePort: doing((port, width, value) => machine.writePort(port, width, value)),
      read: looking((address, width) => machine.read(address, width)),
      write: doing((address, width, value) => machine.write(address, width, value)),
      readBytes: looking((address, length) => machine.readBytes(address, length)),
      writeBytes: doing((address: number, bytes: Uint8Array) => machine.writeBytes(address, bytes)),
      lineAsserted: looking(() => machine.lineAsserted()),
      settle: () => attempt(settle),
      advance: async (milliseconds) => {
        settle();
        await advance(milliseconds);
        settle();
      },
    },
    plan,
    memory,
    hardware,
    wire: {
      send: doing((...frames: readonly Uint8Array[]) => wire.send(...frames)),
      sendOffloaded: doing((...frames: readonly WireFrame[]) => wire.sendOffloaded(...frames)),
      take: looking(() => wire.take()),
    },
    device,
    function: inserted,
    threads,
    setLink: doing((up: boolean) => attempt(() => device.setLink(up))),
    reset: doing(() => attempt(() => inserted.reset())),
    announce: doing(() => attempt(() => void device.announce())),
    close,
  };
}

const ramBytes = 16 << 20;

/** The same with all of its threads in this one, whose clock stands still: they do their work when they are asked to. */
export function queueThreadsHere(count: number, options: Partial<NetDeviceOptions> = {}): QueueThreadsTarget {
  return queueThreads(count, options, (plan, rung) => {
    let time = 0;
    const services = Array.from(
      { length: count },
      (_, thread) =>
        new QueueService(
          plan,
          thread,
          () => time,
          () => void Promise.resolve().then(() => rung(thread)),
        ),
    );
    return {
      calls: services.map((service) => (method, args) => service.answer(method, args)),
      advance: (milliseconds) => {
        time += milliseconds;
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    };
  });
}
