import { getHeapStatistics } from 'node:v8';

import { everythingBut, localPair, NetDriver, openModern } from '../../../src/driver/index.js';
import { Loopback } from '../../../src/fabric/index.js';
import { localMachine } from '../../../src/lab/targets/immediate.js';
import { inProcess } from '../../../src/lab/targets/inProcess.js';
import { connect, type NetDevice } from '../../../src/net/index.js';
import type { PciFunction } from '../../../src/pci/function.js';
import { Results } from '../results.js';
import type { Suite, SuiteContext, SuiteResult } from '../suite.js';
import { udpFrame } from './frames.js';

const devices = 32;
const pairCounts = [1, 4, 16] as const;
const queueSize = 256;
/** Holds the rings of the most pairs, their buffers and a frame. */
const guestBytes = 8 << 20;
const name = 'memory-per-device';

/** What is kept of a device: the card on its bus, without its driver. */
interface Kept {
  readonly device: NetDevice;
  readonly function: PciFunction;
  readonly loopback: Loopback;
}

export const memory: Suite = {
  name: 'memory',
  help: 'memory of a card and of a queue pair, guest memory not counted: idle, and after all buffers were used',
  peers: ['virtio-mq'],
  measures: [name, 'memory-per-pair'],
  seconds: 1,
  nodeOptions: ['--expose-gc'],
  run: measure,
};

async function measure({ runs, progress }: SuiteContext): Promise<SuiteResult> {
  const results = new Results();
  for (let run = 1; run <= runs; run++) {
    for (const used of [0, 1]) {
      const sizes: number[] = [];
      for (const pairs of pairCounts) {
        const bytes = await bytesPerDevice(pairs, used === 1);
        sizes.push(bytes);
        const value = bytes / 1024;
        results.add('virtio-mq', { measure: name, unit: 'KiB', at: { pairs, used }, value });
        progress(`run ${run} of ${runs}: ${name}, pairs ${pairs}, used ${used}: ${value.toFixed(1)} KiB`);
      }
      const value = (sizes[sizes.length - 1] - sizes[0]) / (pairCounts[pairCounts.length - 1] - pairCounts[0]) / 1024;
      results.add('virtio-mq', { measure: 'memory-per-pair', unit: 'KiB', at: { used }, value });
    }
  }
  return { measures: results.measures() };
}

async function bytesPerDevice(pairs: number, used: boolean): Promise<number> {
  // The first one brings what all share.
  await startDevice(pairs, used);
  const before = await bytesUsed();
  const kept: Kept[] = [];
  for (let i = 0; i < devices; i++) kept.push(await startDevice(pairs, used));
  const bytes = (await bytesUsed()) - before;
  return bytes / kept.length - guestBytes;
}

async function startDevice(pairs: number, used: boolean): Promise<Kept> {
  const target = inProcess({ queuePairs: pairs, memory: guestBytes });
  const transport = await openModern(target.machine);
  const accept = everythingBut('VIRTIO_F_IN_ORDER', 'VIRTIO_F_RING_PACKED', 'VIRTIO_NET_F_HASH_REPORT');
  const driver = await NetDriver.start(transport, { accept, queueSize, receive: { buffers: 0 } });
  const loopback = new Loopback();
  connect(target.device, loopback);
  if (used) {
    const machine = localMachine(target.hardware);
    const frame = (await transport.memory.allocate(2048, 64)) + 64;
    machine.memory.bytes.set(udpFrame(64, 1, 2), frame);
    for (let pair = 0; pair < pairs; pair++) {
      const { transmitter, receiver } = await localPair(driver, pair, machine, { bufferBytes: 128 });
      while (transmitter.send(frame, 64));
      transmitter.flush();
      while (receiver.next() >= 0);
    }
  }
  return { device: target.device, function: target.function, loopback };
}

async function bytesUsed(): Promise<number> {
  // Buffers that nobody holds go only with the second collection.
  for (let i = 0; i < 3; i++) {
    globalThis.gc!();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}
