import type { DescriptorChain } from '../../virtio/chain.js';
import type { GuestMemory } from '../../virtio/memory.js';
import type { Bench } from './bench.js';
import type { Trigger } from './condition.js';
import type { Fault } from './fault.js';
import { eachUse } from './used.js';

const received = 'a received packet';

/** Offsets in struct virtio_net_hdr (virtio 5.1.6). */
const field = { flags: 0, gsoType: 1, gsoSize: 4, checksumStart: 6, checksumOffset: 8, numBuffers: 10 } as const;
const needsChecksum = 1;

/** Faults of the header before each received packet. */
export const packetFaults: readonly Fault[] = [
  {
    name: 'num-buffers-zero',
    does: 'says of a received packet that it came in no buffers',
    expects: 'num_buffers is the number of buffers, at least 1',
    spec: '5.1.6.4.1',
    event: received,
    queues: ['input'],
    arm: (bench, trigger) => eachHeader(bench, trigger, [[field.numBuffers, 0, 0]]),
  },
  {
    name: 'num-buffers-large',
    does: 'says of a received packet that it came in 200 buffers more than it did',
    expects: 'num_buffers is the number of buffers that the packet came in',
    spec: '5.1.6.4.1',
    event: received,
    queues: ['input'],
    arm: (bench, trigger) => eachHeader(bench, trigger, [[field.numBuffers, 200, 0]]),
  },
  {
    name: 'header-checksum-wrong',
    does: 'asks the driver to fill in the checksum of a received packet, beyond its end',
    expects: 'csum_start and csum_offset lie within the packet; the driver should check them',
    spec: '5.1.6.4.1, 5.1.6.4.2',
    event: received,
    queues: ['input'],
    arm: (bench, trigger) =>
      eachHeader(bench, trigger, [
        [field.flags, needsChecksum],
        [field.checksumStart, 0xf0, 0xff, 0xf0, 0xff],
      ]),
  },
  {
    name: 'header-gso-wrong',
    does: 'says of a received packet that it is of a kind of segmentation that there is not',
    expects: 'gso_type is one of those that it negotiated',
    spec: '5.1.6.4.1',
    event: received,
    queues: ['input'],
    arm: (bench, trigger) =>
      eachHeader(bench, trigger, [
        [field.gsoType, 0x1f],
        [field.gsoSize, 0, 1],
      ]),
  },
  {
    name: 'packet-corrupted',
    does: 'inverts the last byte of a received packet, and says that its checksum is good',
    expects: 'VIRTIO_NET_HDR_F_DATA_VALID is set for packets whose checksum was validated only',
    spec: '5.1.6.4.1',
    event: received,
    queues: ['input'],
    arm: (bench, trigger) =>
      eachUse(bench, (name) => ({ chain, first, complete, written }) => {
        if (name.startsWith('input') && first && written > 0 && trigger.happens(name)) {
          const { memory } = bench.function.plugged;
          change(chain, memory, field.flags, (flags) => (flags & ~needsChecksum) | dataValid);
          change(chain, memory, written - 1, (last) => last ^ 0xff);
        }
        complete(written);
      }),
  },
];

const dataValid = 2;

/** Writes bytes into the headers of received packets, each row from its first number on. */
function eachHeader(
  bench: Bench,
  trigger: Trigger,
  rows: readonly (readonly [at: number, ...bytes: number[]])[],
): void {
  eachUse(bench, (name) => ({ chain, first, complete, written }) => {
    if (name.startsWith('input') && first && trigger.happens(name)) {
      const { memory } = bench.function.plugged;
      for (const [at, ...bytes] of rows) bytes.forEach((byte, i) => change(chain, memory, at + i, () => byte));
    }
    complete(written);
  });
}

/** Changes a byte of what was written to a buffer. */
function change(chain: DescriptorChain, memory: GuestMemory, at: number, to: (byte: number) => number): void {
  let left = at;
  for (let i = chain.readableCount; i < chain.count; i++) {
    if (left >= chain.lengths[i]) {
      left -= chain.lengths[i];
      continue;
    }
    const address = chain.addresses[i] + left;
    memory.bytes[address] = to(memory.bytes[address]);
    memory.written(address, 1);
    return;
  }
}
