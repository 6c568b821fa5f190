import { describe, expect, it } from 'vitest';

import {
  addStatus,
  commands,
  everythingBut,
  features,
  NetDriver,
  openModern,
  readNetConfig,
  setUpQueue,
  status,
  type FeatureName,
  type ReceiveOptions,
} from '../../../src/driver/index.js';
import { broken, describeWrongDrivers, looks, negotiated, watched, type Watched } from './watched.js';

type Command = Parameters<NonNullable<NetDriver['control']>['send']>[0];

interface Wishes {
  readonly except?: readonly FeatureName[];
  readonly more?: bigint;
  readonly pairs?: number;
  readonly receive?: ReceiveOptions;
}

async function started({ target }: Watched, { except = [], more = 0n, ...rest }: Wishes = {}): Promise<NetDriver> {
  const accept = (offered: bigint): bigint => everythingBut(...except)(offered) | (offered & more);
  return NetDriver.start(await openModern(target.machine), { accept, queueSize: 16, ...rest });
}

/** A driver that sends these commands, whatever the answers are. */
const sending =
  (wishes: Wishes, ...wanted: readonly Command[]) =>
  async (watched: Watched): Promise<void> => {
    const driver = await started(watched, wishes);
    for (const command of wanted) await driver.control!.send(command);
  };

const command = (kind: number, code: number, ...data: readonly number[]): Command => ({
  ...{ kind, command: code, data: Uint8Array.from(data), resultBytes: 0 },
});

const frame = new Uint8Array(60);
const coalescing = { maxPackets: 1, maxMicroseconds: 0 };
const rss = {
  hashTypes: 1,
  indirectionTable: [0],
  unclassifiedQueue: 0,
  maxTransmitQueues: 4,
  key: new Uint8Array(40),
};
const { commandClass } = commands;

describe('a driver that gives the card wrong receive buffers', () => {
  describeWrongDrivers([
    {
      breaks: ['net-dri-007'],
      does: 'has no room for a packet as long as mtu allows',
      async run(watched) {
        const driver = await started(watched, {
          except: ['VIRTIO_NET_F_MRG_RXBUF'],
          receive: { bufferBytes: 200, buffers: 3 },
        });
        await driver.stop();
      },
    },
    {
      breaks: ['net-dri-047', 'net-dri-048'],
      does: 'has no room for a header in buffers that are merged',
      async run(watched) {
        await started(watched, { receive: { bufferBytes: 11, buffers: 1 } });
      },
    },
    {
      breaks: ['net-dri-048'],
      does: 'has no room for a header',
      async run(watched) {
        const receive = { bufferBytes: 11, buffers: 1 };
        await started(watched, { except: ['VIRTIO_NET_F_MRG_RXBUF'], receive });
      },
    },
  ]);
});

describe('a driver that commands wrongly', () => {
  describeWrongDrivers([
    {
      breaks: ['net-dri-058'],
      does: 'wants hashes in tunnels without their feature',
      run: sending({}, command(commandClass.hashTunnel, 0, 0, 0, 0, 0)),
    },
    {
      breaks: ['net-dri-059'],
      does: 'wants hashes in tunnels that the card does not know',
      run: sending({ more: features('VIRTIO_NET_F_HASH_TUNNEL') }, command(commandClass.hashTunnel, 0, 0, 0, 0, 0x80)),
    },
    {
      breaks: ['net-dri-061'],
      does: 'is promiscuous without VIRTIO_NET_F_CTRL_RX',
      run: sending({ except: ['VIRTIO_NET_F_CTRL_RX'] }, commands.setRxMode('promiscuous', true)),
    },
    {
      breaks: ['net-dri-062'],
      does: 'wants no broadcasts without VIRTIO_NET_F_CTRL_RX_EXTRA',
      run: sending({ except: ['VIRTIO_NET_F_CTRL_RX_EXTRA'] }, commands.setRxMode('noBroadcast', true)),
    },
    {
      breaks: ['net-dri-063'],
      does: 'sets the address table without VIRTIO_NET_F_CTRL_RX',
      run: sending({ except: ['VIRTIO_NET_F_CTRL_RX'] }, commands.setMacTable([], [])),
    },
    {
      breaks: ['net-dri-065'],
      does: 'sets an address table that ends too early',
      run: sending({}, command(commandClass.mac, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1)),
    },
    {
      breaks: ['net-dri-065'],
      does: 'has a multicast address among the others',
      run: sending({}, commands.setMacTable([Uint8Array.of(1, 0, 0x5e, 0, 0, 1)], [])),
    },
    {
      breaks: ['net-dri-067'],
      does: 'does not acknowledge that it is to announce itself',
      async run(watched) {
        const driver = await started(watched);
        await watched.target.announce!();
        await driver.transport.readConfig(6, 2);
        await driver.stop();
      },
    },
    {
      breaks: ['net-dri-068'],
      does: 'puts pairs to use that it has not set up',
      run: sending({ pairs: 1 }, commands.setQueuePairs(2)),
    },
    {
      breaks: ['net-dri-069'],
      does: 'wants no pair',
      run: sending({}, commands.setQueuePairs(0)),
    },
    {
      breaks: ['net-dri-069'],
      does: 'wants more pairs than there are',
      run: sending({}, commands.setQueuePairs(5)),
    },
    {
      breaks: ['net-dri-070'],
      does: 'sends on the second pair before it is in use',
      async run(watched) {
        const { transport, features: accepted } = await negotiated(watched);
        await readNetConfig(transport, accepted);
        const ring = await setUpQueue(transport, accepted, 3, { size: 16 });
        await addStatus(transport, status.driverOk);
        const address = await transport.memory.store(new Uint8Array(80));
        await ring.add([{ address, length: 80, writable: false }]);
        await ring.publish();
        await transport.notify(3, ring);
      },
    },
    {
      breaks: ['net-dri-071'],
      does: 'sends on a pair that it has taken out of use',
      async run(watched) {
        const driver = await started(watched);
        await driver.command(commands.setQueuePairs(1));
        await driver.send(2, [frame]);
      },
    },
    {
      breaks: ['net-dri-072'],
      does: 'steers by hash without VIRTIO_NET_F_RSS',
      run: sending({ except: ['VIRTIO_NET_F_RSS'] }, commands.setRss(rss)),
    },
    {
      breaks: ['net-dri-073'],
      does: 'steers to a queue that is not enabled',
      run: sending({ pairs: 2 }, commands.setRss({ ...rss, indirectionTable: [0, 3] })),
    },
    {
      breaks: ['net-dri-074'],
      does: 'has a table of three entries',
      run: sending({}, commands.setRss({ ...rss, indirectionTable: [0, 1, 2] })),
    },
    {
      breaks: ['net-dri-075'],
      does: 'has a table longer than the card allows',
      run: sending({}, commands.setRss({ ...rss, indirectionTable: new Array<number>(4096).fill(0) })),
    },
    {
      breaks: ['net-dri-076'],
      does: 'wants hashes that the card does not know',
      run: sending({}, commands.setRss({ ...rss, hashTypes: 1 << 20 })),
    },
    {
      breaks: ['net-dri-077'],
      does: 'asks for RSS contexts',
      run: sending({}, command(9, 0)),
    },
    {
      breaks: ['net-dri-080'],
      does: 'wants an offload that was not negotiated',
      run: sending({ except: ['VIRTIO_NET_F_GUEST_UFO'] }, commands.setGuestOffloads(1n << 10n)),
    },
    {
      breaks: ['net-dri-080'],
      does: 'wants what is no offload',
      run: sending({}, commands.setGuestOffloads(1n << 40n)),
    },
    {
      breaks: ['net-dri-081'],
      does: 'sets the coalescing of the control queue',
      run: sending({}, commands.setQueueCoalescing(8, coalescing)),
    },
    {
      breaks: ['net-dri-082'],
      does: 'sets coalescing without VIRTIO_NET_F_NOTF_COAL',
      run: sending({ except: ['VIRTIO_NET_F_NOTF_COAL'] }, commands.setReceiveCoalescing(coalescing)),
    },
    {
      breaks: ['net-dri-083'],
      does: "sets a queue's coalescing without VIRTIO_NET_F_VQ_NOTF_COAL",
      run: sending({ except: ['VIRTIO_NET_F_VQ_NOTF_COAL'] }, commands.setQueueCoalescing(0, coalescing)),
    },
    {
      breaks: ['net-dri-085'],
      does: 'asks for statistics that it has not asked the card about',
      run: sending({}, commands.getStatistics([{ queue: 0, types: [commands.statisticsType.rxBasic] }])),
    },
    {
      breaks: ['net-dri-086'],
      does: 'asks a transmit queue what it received',
      run: sending(
        {},
        commands.queryStatistics(),
        commands.getStatistics([{ queue: 1, types: [commands.statisticsType.rxBasic] }]),
      ),
    },
    {
      breaks: ['net-dri-087'],
      does: 'has no room for statistics',
      run: sending({}, commands.queryStatistics(), {
        ...commands.getStatistics([{ queue: 0, types: [commands.statisticsType.rxBasic] }]),
        resultBytes: 7,
      }),
    },
  ]);
});

describe('a driver that commands rightly', () => {
  it('goes on with the pairs that it had when a number of pairs is refused', async () => {
    const one = watched();
    const driver = await started(one);
    await driver.control!.send(commands.setQueuePairs(0));
    await driver.send(3, [frame]);
    expect(broken(one)).toEqual(['net-dri-069']);
    expect(looks(one, 'net-dri-071')).toBe(1);
  });

  it('may have sent a packet before the command that takes its pair out of use', async () => {
    const one = watched();
    const driver = await started(one);
    await driver.transmitters[3].add(frame);
    await driver.transmitters[3].queue.ring.publish();
    await driver.command(commands.setQueuePairs(1));
    await driver.transmitters[3].queue.notify();
    expect(broken(one)).toEqual([]);
  });

  it('acknowledges an announcement', async () => {
    const one = watched();
    const driver = await started(one);
    await one.target.announce!();
    await driver.transport.readConfig(6, 2);
    await driver.command(commands.acknowledgeAnnounce());
    await driver.stop();
    expect(broken(one)).toEqual([]);
    expect(looks(one, 'net-dri-067')).toBe(1);
  });
});
