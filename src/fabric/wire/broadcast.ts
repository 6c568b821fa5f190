import type { Frame } from '../../net/link/frame.js';
import type { Clock } from '../../virtio/clock.js';
import { messageBytes } from './message.js';
import { WirePort, type WireLimits } from './wirePort.js';

/** What is needed of a BroadcastChannel: a browser's has it, and Node's. */
export interface BroadcastChannelLike {
  readonly name: string;
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  removeEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  close(): void;
}

/** The channel's name of v86's `inbrowser` network for cards with this number (`net_device.id`), which is 0 by default. */
export function inBrowserChannel(id = 0): string {
  return `v86-inbrowser-${id}`;
}

export interface BroadcastPortOptions extends Partial<WireLimits> {
  clock: Clock;
  /** Default: the channel's name. */
  name?: string;
  /** Bytes that may be posted until the page has had a moment for something else; default 1,048,576, and one frame. */
  burstBytes?: number;
}

/** How long that moment is, in milliseconds. */
const breath = 1;

/**
 * A port to a BroadcastChannel, compatible with v86's `inbrowser` network: one frame is one message, a Uint8Array that
 * every other page, worker and card on the channel gets. Nobody can tell whether somebody listens there, or keep anybody
 * from sending: what comes in beyond the limits is dropped. A channel that this port closed can't be used again.
 */
export class BroadcastPort extends WirePort {
  private readonly channel: BroadcastChannelLike;
  private readonly clock: Clock;
  private readonly burstBytes: number;
  private posted = 0;
  private cancelBreath: (() => void) | undefined;
  private burst = false;
  private closed = false;

  constructor(channel: BroadcastChannelLike, options: BroadcastPortOptions) {
    super(options.name ?? channel.name, options);
    this.channel = channel;
    this.clock = options.clock;
    this.burstBytes = options.burstBytes ?? 1 << 20;
    channel.addEventListener('message', this.onMessage);
    this.open({ write: (frame) => this.post(frame) });
  }

  /** Leaves the channel and closes it. What waits is dropped. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.cancelBreath?.();
    this.channel.removeEventListener('message', this.onMessage);
    this.channel.close();
    this.shut();
    this.attach(undefined);
  }

  private post(frame: Frame): boolean {
    if (this.posted >= this.burstBytes) return false;
    // Of its own and no longer than the frame, as the whole buffer behind it goes with it.
    const message = new Uint8Array(frame.length);
    frame.copy(0, frame.length, message, 0);
    this.channel.postMessage(message);
    this.posted += frame.length;
    this.cancelBreath ??= this.clock.after(breath, () => {
      this.cancelBreath = undefined;
      this.posted = 0;
      this.writable();
    });
    return true;
  }

  private readonly onMessage = ({ data }: { readonly data: unknown }): void => {
    const bytes = messageBytes(data);
    if (!bytes) {
      this.drop('malformed');
      return;
    }
    this.receive(bytes);
    if (this.burst) return;
    this.burst = true;
    // With the other messages that are delivered at the same time.
    void Promise.resolve().then(() => {
      this.burst = false;
      this.endOfBurst();
    });
  };
}
