import { bareCard, bufferBytes, bufferCount, bufferSpace, ourCard, v86Card, type Card } from './cards.js';
import { udpFrame } from './frames.js';

/** What a card does: sends what comes back to it, only sends, or only receives. */
export const modes = ['loop', 'transmit', 'receive'] as const;
export type Mode = (typeof modes)[number];

export interface WorkOptions {
  readonly mode: Mode;
  readonly bytes: number;
  /** Frames sent with one notification. */
  readonly burst: number;
  /** The driver wants to be interrupted after each burst. */
  readonly interrupts?: boolean;
}

/** Work that is done burst by burst. */
export interface Work {
  /** Does it for so many bursts; answers how many frames got through. */
  bursts(count: number): number;
  notifications(): number;
  interrupts(): number;
}

const cards = {
  'virtio-mq': ourCard,
  'virtio-mq-bare': bareCard,
  'virtio-mq-packed': (bytes: number) => bareCard(bytes, true),
  'v86-virtio': v86Card,
} as const;

/** Plain copying by `TypedArray.set`, from one place to as many as a card has receive buffers: once for each frame. */
function copying({ bytes, burst }: WorkOptions): Work {
  const memory = new Uint8Array(2 * bufferSpace + bytes);
  const step = bufferBytes(bytes);
  const places = bufferCount(bytes);
  memory.set(udpFrame(bytes, 1, 2));
  let place = 0;
  return {
    bursts: (count) => {
      for (let i = 0; i < count * burst; i++) {
        memory.set(memory.subarray(0, bytes), bufferSpace + step * place);
        place = place + 1 === places ? 0 : place + 1;
      }
      return count * burst;
    },
    notifications: () => 0,
    interrupts: () => 0,
  };
}

export type Worker = keyof typeof cards | 'copy';

export async function workOf(worker: Worker, options: WorkOptions): Promise<Work> {
  if (worker === 'copy') return copying(options);
  const card = await cards[worker](options.bytes);
  return workOn(card, options);
}

function workOn(card: Card, { mode, bytes, burst, interrupts = false }: WorkOptions): Work {
  const { receiver, transmitter } = card.pair;
  const frame = udpFrame(bytes, 1, 2);
  card.bytes.set(frame, card.frame);
  card.loop(mode === 'loop');
  const transmit = (): void => {
    for (let i = 0; i < burst; i++) transmitter.send(card.frame, bytes);
    transmitter.flush();
  };
  const receive = (): number => {
    let count = 0;
    while (receiver.next() >= 0) count++;
    receiver.fill();
    if (interrupts) receiver.ring.wantInterrupts('always');
    return count;
  };
  const reclaim = (): number => {
    const count = transmitter.reclaim();
    if (interrupts) transmitter.ring.wantInterrupts('always');
    return count;
  };
  receive();
  reclaim();
  // A burst of each mode in a function of its own, so that none has steps of the others.
  const once = {
    loop: () => {
      transmit();
      reclaim();
      return receive();
    },
    transmit: () => {
      transmit();
      return reclaim();
    },
    receive: () => {
      card.receive(frame, burst);
      return receive();
    },
  }[mode];
  return {
    bursts: (count) => {
      let frames = 0;
      for (let i = 0; i < count; i++) frames += once();
      return frames;
    },
    notifications: () => receiver.notifications + transmitter.notifications,
    interrupts: () => card.interrupts(),
  };
}
