import type { DescriptorChain } from '../virtio/chain.js';
import type { ActiveQueue } from '../virtio/device.js';
import { hasFeature, type Features } from '../virtio/features.js';
import type { GuestMemory } from '../virtio/memory.js';
import { DriverFault, type DriverRule } from '../virtio/rules.js';
import { readStart } from './chainBytes.js';
import { VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_MQ } from './features.js';
import { macBytes } from './mac.js';

/** Values of the `ack` byte (virtio 5.1.6.5). */
const ack = { ok: 0, error: 1 } as const;
/** Class and command. */
const commandBytes = 2;
/** More than any command of the specification has; what is longer is refused without being read. */
const longestCommand = 65536;

/** What a driver can do through the control queue. */
export interface ControlActions {
  /** Answers false for a number of pairs that the device does not have. */
  setQueuePairs(pairs: number): boolean;
  setMac(mac: Uint8Array): boolean;
}

interface Command {
  readonly name: string;
  /** The feature that makes the command exist. */
  readonly feature: Features;
  /** Length of its data in bytes. */
  readonly length: number;
  readonly run: (data: Uint8Array, actions: ControlActions) => boolean;
}

/** By class × 256 + command. */
const commands = new Map<number, Command>([
  [
    (1 << 8) | 1,
    {
      name: 'VIRTIO_NET_CTRL_MAC_ADDR_SET',
      feature: VIRTIO_NET_F_CTRL_MAC_ADDR,
      length: macBytes,
      run: (data, actions) => actions.setMac(data),
    },
  ],
  [
    (4 << 8) | 0,
    {
      name: 'VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET',
      feature: VIRTIO_NET_F_MQ,
      length: 2,
      run: (data, actions) => actions.setQueuePairs(data[0] | (data[1] << 8)),
    },
  ],
]);

/** The control queue: commands from the driver, answered one by one (virtio 5.1.6.5). */
export class ControlQueue {
  private readonly queue: ActiveQueue;
  private readonly memory: GuestMemory;
  private readonly features: Features;
  private readonly actions: ControlActions;
  private readonly violation: (fault: DriverFault) => void;

  constructor(
    queue: ActiveQueue,
    memory: GuestMemory,
    features: Features,
    actions: ControlActions,
    violation: (fault: DriverFault) => void,
  ) {
    this.queue = queue;
    this.memory = memory;
    this.features = features;
    this.actions = actions;
    this.violation = violation;
  }

  /** Carries out the waiting commands. Answers whether the driver wants an interrupt. @throws DriverFault */
  run(): boolean {
    for (;;) {
      const chain = this.queue.next();
      if (chain) {
        this.answer(chain, this.execute(chain) ? ack.ok : ack.error);
      } else if (!this.queue.wantNotifications(true)) {
        return this.queue.publish();
      }
    }
  }

  private execute(chain: DescriptorChain): boolean {
    const length = chain.readableLength;
    if (chain.writableLength === 0) {
      throw new DriverFault('control-layout', 'there is no room for the ack', this.queue.index);
    }
    if (length < commandBytes) return this.refuse('control-layout', `the command has ${length} bytes`);
    if (length > longestCommand) return this.refuse('control-argument', `the command has ${length} bytes`);
    const bytes = new Uint8Array(length);
    readStart(chain, this.memory, bytes);
    const command = commands.get((bytes[0] << 8) | bytes[1]);
    if (!command || !hasFeature(this.features, command.feature)) {
      return this.refuse('control-unknown', `class ${bytes[0]}, command ${bytes[1]}`);
    }
    const data = bytes.subarray(commandBytes);
    if (data.length !== command.length) {
      return this.refuse('control-argument', `${command.name} with ${data.length} bytes, not ${command.length}`);
    }
    return command.run(data, this.actions) || this.refuse('control-argument', `${command.name} with ${data.join(' ')}`);
  }

  private answer(chain: DescriptorChain, value: number): void {
    let i = chain.readableCount;
    while (chain.lengths[i] === 0) i++;
    this.memory.bytes[chain.addresses[i]] = value;
    this.memory.written(chain.addresses[i], 1);
    this.queue.complete(chain, 1);
  }

  private refuse(rule: DriverRule, detail: string): false {
    this.violation(new DriverFault(rule, detail, this.queue.index));
    return false;
  }
}
