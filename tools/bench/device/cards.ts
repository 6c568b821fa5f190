import {
  everythingBut,
  localPair,
  NetDriver,
  openModern,
  type LocalPair,
  type Machine,
} from '../../../src/driver/index.js';
import { Loopback } from '../../../src/fabric/index.js';
import { localMachine, type ImmediateMachine } from '../../../src/lab/targets/immediate.js';
import { inProcess } from '../../../src/lab/targets/inProcess.js';
import { v86Ours, v86Own } from '../../../src/lab/targets/v86.node.js';
import { allOffloads, connect, Frame, Sent, type NetDevice, type Port } from '../../../src/net/index.js';

/** A card with the driver at a pair of its queues, and its outer end. */
export interface Card {
  readonly pair: LocalPair;
  /** The machine's RAM. */
  readonly bytes: Uint8Array;
  /** Where a frame to send may stand, with room for its header before it. */
  readonly frame: number;
  /** What the card sends goes back into it, or nowhere. */
  loop(on: boolean): void;
  /** Gives the card the same frame from outside so many times, as a burst. */
  receive(frame: Uint8Array, count: number): void;
  /** Interrupts so far; of v86's card nobody knows. */
  interrupts(): number;
}

export const queueSize = 256;
/** Bytes of all receive buffers together, so that large frames meet a cache as large as they do in the copy beside them. */
export const bufferSpace = 4 << 20;

/** How many frames of this size are in the receive buffers at a time. */
export function bufferCount(frameBytes: number): number {
  return Math.min(queueSize, Math.floor(bufferSpace / bufferBytes(frameBytes)));
}

/** With room for the header, and where processors like it. */
export function bufferBytes(frameBytes: number): number {
  return ((frameBytes + 12 + 63) & ~63) >>> 0;
}

/** Left out for every card: what v86's does not have, as far as it changes the queues. */
const plain = ['VIRTIO_F_IN_ORDER', 'VIRTIO_NET_F_MRG_RXBUF', 'VIRTIO_NET_F_HASH_REPORT', 'VIRTIO_NET_F_MTU'] as const;

/** Starts the driver: one pair, polled, so that no card interrupts. */
export async function drive(machine: Machine, hardware: ImmediateMachine, frameBytes: number, packed = false) {
  const transport = await openModern(machine);
  const accept = everythingBut(...plain, ...(packed ? [] : (['VIRTIO_F_RING_PACKED'] as const)));
  const driver = await NetDriver.start(transport, { accept, pairs: 1, queueSize, receive: { buffers: 0 } });
  const local = localMachine(hardware);
  const options = { bufferBytes: bufferBytes(frameBytes), buffers: bufferCount(frameBytes) };
  const pair = await localPair(driver, 0, local, options);
  pair.receiver.ring.wantInterrupts('never');
  pair.transmitter.ring.wantInterrupts('never');
  const frame = (await transport.memory.allocate(frameBytes + 64, 64)) + 12;
  return { pair, frame, bytes: local.memory.bytes };
}

/** Everything that a card sends ends here. */
class Sink implements Port {
  readonly name = 'sink';
  readonly lanes = 1;
  readonly listening = true;
  readonly offloads = allOffloads;
  steer(): number {
    return 0;
  }
  send(): Sent {
    return Sent.taken;
  }
  flush(): void {}
  room(): void {}
  attach(): void {}
}

function outerEnd(device: NetDevice): Pick<Card, 'loop' | 'receive' | 'interrupts'> {
  const frame = new Frame();
  const loopback = new Loopback();
  const sink = new Sink();
  return {
    loop: (on) => connect(device, on ? loopback : sink),
    receive: (bytes, count) => {
      for (let i = 0; i < count; i++) {
        frame.start(0).add(bytes, 0, bytes.length);
        device.send(frame, device.steer(frame));
      }
      device.flush();
    },
    interrupts: () => device.statistics.receive[0].interrupts + device.statistics.transmit[0].interrupts,
  };
}

/** Our card in a machine that is nothing but memory and a bus. */
export async function bareCard(frameBytes: number, packed = false): Promise<Card> {
  const target = inProcess({ queuePairs: 1 });
  return { ...(await drive(target.machine, target.hardware, frameBytes, packed)), ...outerEnd(target.device) };
}

/** Our card in a v86 that stands still. */
export async function ourCard(frameBytes: number): Promise<Card> {
  const target = await v86Ours({ queuePairs: 1 });
  return { ...(await drive(target.machine, target.hardware, frameBytes)), ...outerEnd(target.card.device) };
}

/** v86's own card in a v86 that stands still. */
export async function v86Card(frameBytes: number): Promise<Card> {
  const { machine, hardware, emulator } = await v86Own();
  const { bus } = emulator as unknown as { bus: { send(name: string, bytes: Uint8Array): void } };
  let looping = false;
  emulator.add_listener('net0-send', (bytes: Uint8Array) => {
    if (looping) bus.send('net0-receive', bytes);
  });
  return {
    ...(await drive(machine, hardware, frameBytes)),
    loop: (on) => (looping = on),
    receive: (bytes, count) => {
      for (let i = 0; i < count; i++) bus.send('net0-receive', bytes);
    },
    interrupts: () => NaN,
  };
}
