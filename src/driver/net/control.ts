import { DeviceError, until } from '../machine.js';
import type { Queue } from '../queue.js';
import type { Element, UsedBuffer } from '../ring.js';
import type { Transport } from '../transport.js';
import { ack, joined, type Command } from './commands.js';

/** What the device answered to a command. */
export interface Answer {
  /** One of `ack`; a byte that the device did not write is 0xff. */
  readonly ack: number;
  /** What it wrote behind the ack. */
  readonly result: Uint8Array;
  /** How many bytes it says it wrote, with the ack. */
  readonly written: number;
}

export interface CommandOptions {
  /**
   * Lengths of all device-readable elements but the last, which must not matter to a modern device (virtio 2.7.4). When
   * left out, class and command have one of their own.
   */
  readonly cuts?: readonly number[];
  readonly indirect?: boolean;
  /** How long to wait for the answer, in milliseconds of real time; 20 s when left out. */
  readonly patience?: number;
}

const notWritten = 0xff;

/** The control queue. Commands are sent one by one. */
export class ControlQueue {
  readonly queue: Queue;
  private readonly transport: Transport;

  constructor(transport: Transport, queue: Queue) {
    this.transport = transport;
    this.queue = queue;
  }

  /**
   * Sends a command and waits for its answer.
   * @throws TimeoutError when there is none
   */
  async send(command: Command, options: CommandOptions = {}): Promise<Answer> {
    const { memory } = this.transport;
    const bytes = joined(Uint8Array.of(command.kind, command.command), command.data);
    const address = await memory.store(bytes);
    const written = 1 + command.resultBytes;
    const reply = await memory.store(new Uint8Array(written).fill(notWritten));
    const elements = [...cut(address, bytes.length, options.cuts ?? [2]), ...replyElements(reply, command.resultBytes)];
    const id = await this.queue.add(elements, options.indirect ? { indirect: true } : {});
    await this.queue.kick();
    const { machine } = this.transport.card;
    const answered = async (): Promise<UsedBuffer | undefined> => (await this.queue.collect()).at(0);
    const used = await until(machine, 'answer to a command', answered, options.patience);
    if (used.id !== id) throw new DeviceError(`the control queue gave back buffer ${used.id} for ${id}`);
    const answer = await memory.machine.readBytes(reply, written);
    memory.free(address);
    memory.free(reply);
    return { ack: answer[0], result: answer.slice(1), written: used.length };
  }

  /**
   * Sends a command that has to succeed.
   * @throws DeviceError when the device answers anything but VIRTIO_NET_OK
   */
  async must(command: Command): Promise<Answer> {
    const answer = await this.send(command);
    if (answer.ack !== ack.ok) {
      throw new DeviceError(`command ${command.kind}.${command.command} was answered ${answer.ack}`);
    }
    return answer;
  }
}

function replyElements(address: number, resultBytes: number): Element[] {
  const ackElement = { address, length: 1, writable: true };
  return resultBytes === 0 ? [ackElement] : [ackElement, { address: address + 1, length: resultBytes, writable: true }];
}

/** Device-readable elements of these lengths, and one with the rest. */
export function cut(address: number, length: number, cuts: readonly number[]): Element[] {
  const elements: Element[] = [];
  let at = 0;
  for (const size of cuts) {
    if (at + size >= length) break;
    elements.push({ address: address + at, length: size, writable: false });
    at += size;
  }
  elements.push({ address: address + at, length: length - at, writable: false });
  return elements;
}
