import { writeStart } from '../../net/chainBytes.js';
import type { DescriptorChain } from '../../virtio/chain.js';
import type { ActiveQueue } from '../../virtio/device.js';
import type { Bench } from './bench.js';
import type { Trigger } from './condition.js';
import type { Fault } from './fault.js';

const command = 'a control command';
const VIRTIO_NET_ERR = 1;

/** Faults of the control queue. The commands are not carried out. */
export const controlFaults: readonly Fault[] = [
  {
    name: 'control-refused',
    does: 'answers a control command with VIRTIO_NET_ERR, and does not carry it out',
    expects: 'the ack tells whether the command was carried out',
    spec: '5.1.6.5',
    event: command,
    queues: ['control'],
    arm: (bench, trigger) =>
      eachCommand(bench, trigger, (chain, queue) => {
        queue.complete(chain, writeStart(chain, bench.function.plugged.memory, Uint8Array.of(VIRTIO_NET_ERR)));
      }),
  },
  {
    name: 'control-ack-garbage',
    does: 'answers a control command with 0x55, and does not carry it out',
    expects: 'the ack is VIRTIO_NET_OK or VIRTIO_NET_ERR',
    spec: '5.1.6.5',
    event: command,
    queues: ['control'],
    arm: (bench, trigger) =>
      eachCommand(bench, trigger, (chain, queue) => {
        queue.complete(chain, writeStart(chain, bench.function.plugged.memory, Uint8Array.of(0x55)));
      }),
  },
  {
    name: 'control-unanswered',
    does: 'never answers a control command, nor carries it out',
    expects: 'no time within which a command is answered',
    spec: '5.1.6.5, 2.6',
    event: command,
    queues: ['control'],
    when: { times: 1 },
    arm: (bench, trigger) => eachCommand(bench, trigger, () => undefined),
  },
];

/** Takes commands away from the device. */
function eachCommand(bench: Bench, trigger: Trigger, act: (chain: DescriptorChain, queue: ActiveQueue) => void): void {
  bench.eachQueue((queue, name) => {
    if (name !== 'control') return;
    bench.interpose(queue, 'next', (next) => () => {
      for (;;) {
        const chain = next();
        if (!chain || chain.writableLength === 0 || !trigger.happens(name)) return chain;
        act(chain, queue);
      }
    });
  });
}
