import { ModernTransport, until, type NetDriver } from '../../driver/index.js';
import type { Bench } from './bench.js';

/** Resets one queue (virtio 2.6.1), and waits until the device says that this is done. */
export async function takeBack(bench: Bench, { transport }: NetDriver, index: number): Promise<void> {
  if (!(transport instanceof ModernTransport)) throw new Error('the legacy interface can not reset a queue');
  await until(bench.machine, `end of the reset of queue ${index}`, async () =>
    (await transport.resetQueue(index)) ? true : undefined,
  );
}
