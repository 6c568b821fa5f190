import type { Network } from './network.js';

const folder = '/sys/kernel/tracing';
const event = 'events/net/napi_gro_receive_entry';

/** A packet as the guest's kernel saw it come from its driver. */
export interface SeenPacket {
  /** The receive queue, from 0 on. */
  readonly queue: number;
  /** What the card reported; 0 for none. */
  readonly hash: number;
  /** Whether that is a hash of ports too. */
  readonly l4: boolean;
  /** Without the Ethernet header. */
  readonly length: number;
}

/** What a guest's driver hands to its kernel while `work` is done, seen by the kernel's own tracing. */
export async function watchReceive(network: Network, guest: number, work: () => Promise<void>): Promise<SeenPacket[]> {
  await network.ok(
    guest,
    `mountpoint -q ${folder} || mount -t tracefs none ${folder}; echo >${folder}/trace; echo 1 >${folder}/${event}/enable`,
  );
  await work();
  const text = await network.ok(guest, `echo 0 >${folder}/${event}/enable; cat ${folder}/trace`);
  return Array.from(
    text.matchAll(/dev=eth0 .*queue_mapping=(\d+) .*hash=0x([0-9a-f]+) l4_hash=(\d) len=(\d+)/g),
    ([, queue, hash, l4, length]) => ({
      queue: Number(queue) - 1,
      hash: parseInt(hash, 16),
      l4: l4 === '1',
      length: Number(length),
    }),
  );
}
