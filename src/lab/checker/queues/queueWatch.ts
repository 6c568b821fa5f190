import type { VirtioPciFunction } from '../../../pci/index.js';
import type { Activation, ActiveQueue } from '../../../virtio/device.js';
import { has } from '../../../driver/index.js';
import { interpose } from '../../interpose.js';
import type { Findings } from '../findings.js';
import type { Rules } from '../rules.js';
import type { DriverView } from '../view.js';
import { PackedRingWatch } from './packed.js';
import type { BufferEvents, RingWatch } from './ring.js';
import { SplitRingWatch } from './split.js';

/** A queue that is watched. */
interface Watched {
  readonly ring: RingWatch;
  readonly queue: ActiveQueue;
  readonly undo: readonly (() => void)[];
}

/** Follows all queues of a device, from when it takes them until it gives them up. */
export class QueueWatch implements Rules {
  private readonly card: VirtioPciFunction;
  private readonly findings: Findings;
  private readonly view: DriverView;
  private readonly events: BufferEvents & { activated(): void };
  private readonly queues = new Map<number, Watched>();
  private activation: Activation | undefined;
  /** While this is true, a device that becomes active does so with a state that was saved. */
  restoring = false;

  constructor(
    card: VirtioPciFunction,
    findings: Findings,
    view: DriverView,
    events: BufferEvents & { activated(): void },
  ) {
    this.card = card;
    this.findings = findings;
    this.view = view;
    this.events = events;
  }

  /** Goes between the transport and the device. The answers end that. */
  start(): (() => void)[] {
    const { device, active } = this.card;
    if (active) this.activate(active, false);
    return [
      interpose(device, 'activate', (activate) => (activation) => {
        // A restored device goes on with rings that were at work before.
        this.activate(activation, !this.restoring);
        activate(activation);
      }),
      interpose(device, 'notify', (notify) => (index, byDriver) => {
        this.takeQueue(index, true);
        notify(index, byDriver);
      }),
      interpose(device, 'resetQueue', (resetQueue) => (index) => {
        this.close(index);
        this.drop(index);
        resetQueue(index);
      }),
      interpose(device, 'reset', (reset) => () => {
        this.forget();
        reset();
      }),
      () => this.forget(),
    ];
  }

  notified(queue: number, width: number, value: number): void {
    const { ring } = this.queues.get(queue) ?? {};
    ring?.look();
    const data = width === 4 && has(this.view.accepted, 'VIRTIO_F_NOTIFICATION_DATA');
    ring?.notified(data ? value >>> 16 : undefined);
  }

  /** A device that needs a reset does not have to be told of anything. */
  reset(): void {
    for (const index of this.queues.keys()) this.close(index);
  }

  /** Looks at all queues now, but at this one, as it is being looked at. */
  lookAt(but: number): void {
    for (const [index, { ring }] of this.queues) if (index !== but) ring.look();
  }

  /** Whether the driver has given the device this queue. */
  has(index: number): boolean {
    return this.queues.has(index);
  }

  /** Lets go of all queues. */
  forget(): void {
    for (const index of [...this.queues.keys()]) this.drop(index);
    this.activation = undefined;
    this.view.working = undefined;
  }

  private activate(activation: Activation, fromStart: boolean): void {
    this.forget();
    this.activation = activation;
    const { features, memory } = activation;
    this.view.working = { features, memory };
    this.events.activated();
    activation.queues.forEach((_, index) => this.takeQueue(index, fromStart));
  }

  /** Watches a queue that is new. */
  private takeQueue(index: number, fromStart: boolean): void {
    const { activation } = this;
    const queue = activation?.queues[index];
    const known = this.queues.get(index);
    if (!queue || known?.queue === queue) return;
    this.drop(index);
    const { nextAvailable, publishedUsed } = queue.save();
    const { features, memory } = activation;
    const setup = {
      ...{ index, memory, nextAvailable, publishedUsed },
      ...this.view.queuePlace(index),
      // A driver that wrote a size that can't be sees another one than the queue has.
      size: queue.size,
      indirect: has(features, 'VIRTIO_F_INDIRECT_DESC'),
      eventIndex: has(features, 'VIRTIO_F_EVENT_IDX'),
      inOrder: has(features, 'VIRTIO_F_IN_ORDER'),
    };
    const Layout = has(features, 'VIRTIO_F_RING_PACKED') ? PackedRingWatch : SplitRingWatch;
    const ring = new Layout(this.findings, setup, this.events);
    this.queues.set(index, { ring, queue, undo: follow(queue, ring) });
    if (fromStart) ring.begins();
    ring.first();
  }

  private close(index: number): void {
    const { ring, queue } = this.queues.get(index) ?? {};
    if (!ring || queue?.paused) return;
    ring.look();
    ring.closing();
  }

  private drop(index: number): void {
    for (const undo of this.queues.get(index)?.undo ?? []) undo();
    this.queues.delete(index);
  }
}

/** Has the ring looked at whenever the device does something with it. */
function follow(queue: ActiveQueue, ring: RingWatch): (() => void)[] {
  return [
    interpose(queue, 'next', (next) => () => {
      if (!queue.paused) ring.look();
      const chain = next();
      if (!queue.paused) ring.taken(chain);
      return chain;
    }),
    interpose(queue, 'rewind', (rewind) => (chain) => {
      ring.putBack(chain);
      rewind(chain);
    }),
    interpose(queue, 'complete', (complete) => (chain, written) => {
      if (!queue.paused) ring.used(chain, written);
      complete(chain, written);
    }),
    interpose(queue, 'show', (show) => () => {
      ring.look();
      show();
      ring.shown();
    }),
    interpose(queue, 'publish', (publish) => () => {
      ring.look();
      const wanted = publish();
      ring.shown();
      return wanted;
    }),
    interpose(queue, 'wantNotifications', (wantNotifications) => (wanted) => {
      ring.look();
      const more = wantNotifications(wanted);
      ring.wished();
      return more;
    }),
  ];
}
