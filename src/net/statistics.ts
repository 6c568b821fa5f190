import type { InterruptSink } from '../virtio/device.js';
import type { Features } from '../virtio/features.js';
import type { LaneCounters } from './link/counters.js';
import { ControlStatistics, ReceiveStatistics, TransmitStatistics } from './queueStatistics.js';
import { replyBytes, statisticsTypes, writeReply, type StatisticsType } from './statisticsTypes.js';

export interface StatisticsState {
  receive: object[];
  transmit: object[];
  control: object;
}

/** One request of VIRTIO_NET_CTRL_STATS_GET. */
export interface StatisticsRequest {
  readonly queue: number;
  /** A set of bits, as VIRTIO_NET_STATS_TYPE_RX_BASIC. */
  readonly types: bigint;
}

/** What a card counts, as its driver may ask for it (virtio 1.4, 5.1.6.5.11). It counts from when the card was made. */
export class DeviceStatistics {
  readonly receive: readonly ReceiveStatistics[];
  readonly transmit: readonly TransmitStatistics[];
  readonly control = new ControlStatistics();
  private readonly lanes: readonly LaneCounters[];
  private features: Features = 0n;
  private controlIndex = 0;

  constructor(lanes: readonly LaneCounters[]) {
    this.lanes = lanes;
    this.receive = lanes.map(() => new ReceiveStatistics());
    this.transmit = lanes.map(() => new TransmitStatistics());
  }

  activate(features: Features, controlIndex: number): void {
    this.features = features;
    this.controlIndex = controlIndex;
  }

  /** The same interrupts, but counted. */
  counting(interrupts: InterruptSink): InterruptSink {
    return {
      queue: (index) => {
        const counts = this.ofQueue(index);
        if (counts) counts.interrupts++;
        interrupts.queue(index);
      },
      config: () => interrupts.config(),
    };
  }

  /** The driver notified of a queue, once or more often. */
  notified(queue: number, times = 1): void {
    const counts = this.ofQueue(queue);
    if (counts) counts.notifications += times;
  }

  /** The set of types that the driver may ask for, with the features that were negotiated. */
  get types(): bigint {
    return statisticsTypes.reduce((set, type) => (this.isObtainable(type) ? set | (1n << BigInt(type.type)) : set), 0n);
  }

  /** The replies to some requests, one behind the other; undefined when a single one asks for what there is not. */
  replies(requests: readonly StatisticsRequest[]): Uint8Array | undefined {
    const replies: { queue: number; type: StatisticsType }[] = [];
    for (const { queue, types } of requests) {
      if (queue > this.controlIndex) return undefined;
      const kind = queue === this.controlIndex ? 'control' : queue % 2 === 0 ? 'receive' : 'transmit';
      const known = statisticsTypes.filter((type) => type.kind === kind && this.isObtainable(type));
      const asked = known.filter(({ type }) => (types >> BigInt(type)) & 1n);
      if (asked.reduce((set, { type }) => set | (1n << BigInt(type)), 0n) !== types) return undefined;
      replies.push(...asked.map((type) => ({ queue, type })));
    }
    const values = replies.map(({ queue, type }) => type.values(this.countsOf(queue)));
    const bytes = new Uint8Array(values.reduce((sum, row) => sum + replyBytes(row), 0));
    let at = 0;
    replies.forEach(({ queue, type }, index) => {
      at = writeReply(bytes, at, type.type, queue, values[index]);
    });
    return bytes;
  }

  save(): StatisticsState {
    const copy = (counts: object): object => ({ ...counts });
    return { receive: this.receive.map(copy), transmit: this.transmit.map(copy), control: copy(this.control) };
  }

  restore(state: StatisticsState): void {
    state.receive.forEach((counts, pair) => Object.assign(this.receive[pair], counts));
    state.transmit.forEach((counts, pair) => Object.assign(this.transmit[pair], counts));
    Object.assign(this.control, state.control);
  }

  private isObtainable({ features }: StatisticsType): boolean {
    return features === undefined || (this.features & features) !== 0n;
  }

  private ofQueue(queue: number): { interrupts: number; notifications: number } | undefined {
    if (queue >= this.controlIndex) return undefined;
    return queue % 2 === 0 ? this.receive[queue >>> 1] : this.transmit[queue >>> 1];
  }

  /** What a type's values are taken from; of the control queue only its own. */
  private countsOf(queue: number): Parameters<StatisticsType['values']>[0] {
    const pair = queue === this.controlIndex ? 0 : queue >>> 1;
    return { lane: this.lanes[pair], rx: this.receive[pair], tx: this.transmit[pair], control: this.control };
  }
}
