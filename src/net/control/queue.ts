import type { DescriptorChain } from '../../virtio/chain.js';
import type { ActiveQueue } from '../../virtio/device.js';
import { hasFeature, type Features } from '../../virtio/features.js';
import type { GuestMemory } from '../../virtio/memory.js';
import { DriverFault, type DriverRule } from '../../virtio/rules.js';
import { readStart, writeStart } from '../chainBytes.js';
import type { ControlledCard } from './command.js';
import { findCommand } from './commands.js';

/** Values of the `ack` byte (virtio 5.1.6.5). */
const ack = { ok: 0, error: 1 } as const;
const ackBytes = 1;
/** Class and command. */
const commandBytes = 2;
/** As much of a refused command's data as its report shows. */
const shownBytes = 64;
/** Room for more addresses than any driver filters by; what is longer is refused without being read. */
const longestCommand = 1 << 20;

/** The control queue: commands from the driver, answered one by one (virtio 5.1.6.5). */
export class ControlQueue {
  private readonly queue: ActiveQueue;
  private readonly memory: GuestMemory;
  private readonly features: Features;
  private readonly card: ControlledCard;
  private readonly violation: (fault: DriverFault) => void;

  constructor(
    queue: ActiveQueue,
    memory: GuestMemory,
    features: Features,
    card: ControlledCard,
    violation: (fault: DriverFault) => void,
  ) {
    this.queue = queue;
    this.memory = memory;
    this.features = features;
    this.card = card;
    this.violation = violation;
  }

  /** Carries out the waiting commands. Answers whether the driver wants an interrupt. @throws DriverFault */
  run(): boolean {
    for (;;) {
      const chain = this.queue.next();
      if (chain) this.answer(chain);
      else if (!this.queue.wantNotifications(true)) break;
    }
    this.card.commanded();
    return this.queue.publish();
  }

  /** Carries out a command; the ack and then its result go into the device-writable bytes. */
  private answer(chain: DescriptorChain): void {
    if (chain.writableLength === 0) {
      throw new DriverFault('control-layout', 'there is no room for the ack', this.queue.index);
    }
    const { control: statistics } = this.card.statistics;
    statistics.commands++;
    const result = this.execute(chain);
    if (result) statistics.ok++;
    const answer = new Uint8Array(ackBytes + (result?.length ?? 0));
    answer[0] = result ? ack.ok : ack.error;
    if (result) answer.set(result, ackBytes);
    this.queue.complete(chain, writeStart(chain, this.memory, answer));
  }

  /** The command's result, or undefined when it is refused. */
  private execute(chain: DescriptorChain): Uint8Array | undefined {
    const length = chain.readableLength;
    if (length < commandBytes) return this.refuse('control-layout', `the command has ${length} bytes`);
    if (length > longestCommand) return this.refuse('control-argument', `the command has ${length} bytes`);
    const bytes = new Uint8Array(length);
    readStart(chain, this.memory, bytes);
    const command = findCommand(bytes[0], bytes[1]);
    if (!command || !hasFeature(this.features, command.feature)) {
      return this.refuse('control-unknown', `class ${bytes[0]}, command ${bytes[1]}`);
    }
    const { name, length: expected, resultLength = 0 } = command;
    const data = bytes.subarray(commandBytes);
    if (expected !== undefined && data.length !== expected) {
      return this.refuse('control-argument', `${name} with ${data.length} bytes, not ${expected}`);
    }
    if (chain.writableLength < ackBytes + resultLength) {
      return this.refuse('control-layout', `${name} has a result of ${resultLength} bytes, and no room for it`);
    }
    const result = new Uint8Array(resultLength);
    const answer = command.run(data, this.card, result);
    if (answer === true) return result;
    if (answer) return answer.subarray(0, chain.writableLength - ackBytes);
    return this.refuse('control-argument', `${name} with ${data.subarray(0, shownBytes).join(' ')}`);
  }

  /** Reports why a command has no result. */
  private refuse(rule: DriverRule, detail: string): Uint8Array | undefined {
    this.violation(new DriverFault(rule, detail, this.queue.index));
    return undefined;
  }
}
