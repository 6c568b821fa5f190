import { everythingBut, has, type FeatureName } from '../features.js';
import { addStatus, negotiate, reset, setUpQueue } from '../initialise.js';
import { DeviceError, until } from '../machine.js';
import { noVector } from '../msix.js';
import { Queue } from '../queue.js';
import { status } from '../status.js';
import type { Transport } from '../transport.js';
import { setQueuePairs, setRss, type Command } from './commands.js';
import { readNetConfig, type NetConfig } from './config.js';
import { ControlQueue, type Answer } from './control.js';
import { ReceiveQueue, type Packet, type ReceiveOptions } from './receive.js';
import { TransmitQueue, type SendOptions } from './transmit.js';

export interface NetDriverOptions {
  /** What to accept of what is offered; all that this driver knows when left out. */
  readonly accept?: (offered: bigint) => bigint;
  /** Queue pairs to set up; all when left out. */
  readonly pairs?: number;
  /** Of these, the pairs to take into use; all when left out. */
  readonly use?: number;
  /** Entries of each queue; the device's most when left out. */
  readonly queueSize?: number;
  /** MSI-X where the device has it, when left out: a vector for each queue, as far as there are vectors. */
  readonly interrupts?: 'msix' | 'intx';
  readonly receive?: ReceiveOptions;
}

/** The vector of configuration changes; queues have those behind it. */
const configVector = 0;

/** Where RSS is the only way to have more than one pair: every type of hash, and each pair as often as every other. */
function spreadOver(pairs: number, config: NetConfig): Command {
  const { rssMaxIndirectionTableLength: longest = 128, rssMaxKeySize = 40, supportedHashTypes = 0 } = config;
  return setRss({
    hashTypes: supportedHashTypes,
    // A power of two, as its length has to be.
    indirectionTable: Array.from({ length: 2 ** Math.floor(Math.log2(longest)) }, (_, i) => i % pairs),
    unclassifiedQueue: 0,
    maxTransmitQueues: pairs,
    key: Uint8Array.from({ length: rssMaxKeySize }, (_, i) => (37 * i + 11) & 0xff),
  });
}

/** A driver of network cards (virtio 5.1): everything set up, on top of a transport whose card has its BARs placed. */
export class NetDriver {
  readonly transport: Transport;
  readonly features: bigint;
  readonly config: NetConfig;
  /** By pair. */
  readonly receivers: readonly ReceiveQueue[];
  readonly transmitters: readonly TransmitQueue[];
  readonly control: ControlQueue | undefined;
  readonly usesMsix: boolean;

  private constructor(parts: {
    transport: Transport;
    features: bigint;
    config: NetConfig;
    receivers: readonly ReceiveQueue[];
    transmitters: readonly TransmitQueue[];
    control: ControlQueue | undefined;
    usesMsix: boolean;
  }) {
    this.transport = parts.transport;
    this.features = parts.features;
    this.config = parts.config;
    this.receivers = parts.receivers;
    this.transmitters = parts.transmitters;
    this.control = parts.control;
    this.usesMsix = parts.usesMsix;
  }

  /**
   * Brings the card up: negotiation, queues, DRIVER_OK, receive buffers, and all pairs in use.
   * @throws DeviceError when the device refuses a step
   */
  static async start(transport: Transport, options: NetDriverOptions = {}): Promise<NetDriver> {
    const { msix } = transport;
    const features = await negotiate(transport, options.accept ?? everythingBut());
    const usesMsix = msix !== undefined && options.interrupts !== 'intx';
    if (usesMsix) await msix.enable();
    else await msix?.disable();
    const config = await readNetConfig(transport, features);
    const most = config.maxVirtqueuePairs ?? 1;
    const pairs = Math.min(options.pairs ?? most, most);
    if (usesMsix && (await transport.setConfigVector(configVector)) === noVector) {
      throw new DeviceError('the device can map its configuration to no vector');
    }
    const queue = async (index: number): Promise<Queue> => {
      // Where there are fewer vectors than queues, the last one is for all that are left.
      const vector = usesMsix ? Math.min(index + 1, msix.size - 1) : undefined;
      const size = { ...(options.queueSize !== undefined && { size: options.queueSize }) };
      const ring = await setUpQueue(transport, features, index, { ...size, ...(vector !== undefined && { vector }) });
      await ring.wantInterrupts('always');
      return new Queue(transport, index, ring, vector);
    };
    const receivers: ReceiveQueue[] = [];
    const transmitters: TransmitQueue[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      receivers.push(new ReceiveQueue(transport, features, await queue(2 * pair), pair, options.receive));
      transmitters.push(new TransmitQueue(transport, features, await queue(2 * pair + 1), pair));
    }
    const control = has(features, 'VIRTIO_NET_F_CTRL_VQ')
      ? new ControlQueue(transport, await queue(2 * most))
      : undefined;
    await addStatus(transport, status.driverOk);
    const driver = new NetDriver({ transport, features, config, receivers, transmitters, control, usesMsix });
    for (const receiver of receivers) await receiver.fill();
    const use = options.use ?? pairs;
    if (use > 1) await driver.command(driver.has('VIRTIO_NET_F_MQ') ? setQueuePairs(use) : spreadOver(use, config));
    return driver;
  }

  has(name: FeatureName): boolean {
    return has(this.features, name);
  }

  /** Every queue. */
  get queues(): Queue[] {
    const pairs = this.receivers.flatMap((receiver, pair) => [receiver.queue, this.transmitters[pair].queue]);
    return this.control ? [...pairs, this.control.queue] : pairs;
  }

  /** Sends frames on a pair, and tells the device. */
  async send(pair: number, frames: readonly Uint8Array[], options?: SendOptions): Promise<void> {
    await this.transmitters[pair].send(frames, options);
  }

  /** Waits until the device has used all packets of a pair. Answers how many it used. */
  sent(pair: number): Promise<number> {
    const transmitter = this.transmitters[pair];
    let count = 0;
    return until(this.transport.card.machine, `end of transmission on pair ${pair}`, async () => {
      count += await transmitter.reclaim();
      return transmitter.outstanding === 0 ? count : undefined;
    });
  }

  /** The packets that are there now, of all pairs; the device gets new buffers for theirs. */
  async receive(): Promise<Packet[]> {
    const packets: Packet[] = [];
    for (const receiver of this.receivers) {
      const received = await receiver.receive();
      if (received.length > 0) {
        await receiver.queue.ring.wantInterrupts('always');
        await receiver.fill();
      }
      packets.push(...received);
    }
    return packets;
  }

  /** Waits for so many packets. @throws TimeoutError when they do not come */
  packets(count: number): Promise<Packet[]> {
    const packets: Packet[] = [];
    return until(this.transport.card.machine, `${count} packets`, async () => {
      packets.push(...(await this.receive()));
      return packets.length >= count ? packets : undefined;
    });
  }

  /** Sends a command that has to succeed. */
  command(command: Command): Promise<Answer> {
    if (!this.control) throw new DeviceError('there is no control queue');
    return this.control.must(command);
  }

  /** The interrupts since the last time: of which queues, and whether of the configuration. */
  async interrupts(): Promise<{ queues: Queue[]; config: boolean }> {
    const { msix } = this.transport;
    if (msix && this.usesMsix) {
      const vectors = await msix.takeAll();
      return {
        queues: this.queues.filter(({ vector }) => vector !== undefined && vectors.includes(vector)),
        config: vectors.includes(configVector),
      };
    }
    const isr = await this.transport.readIsr();
    return { queues: isr & 1 ? this.queues : [], config: (isr & 2) !== 0 };
  }

  /** Resets the device and lets go of it. */
  async stop(): Promise<void> {
    await reset(this.transport);
    if (this.usesMsix) await this.transport.msix?.disable();
  }
}
