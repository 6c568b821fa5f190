import { describe } from 'vitest';

import {
  addStatus,
  everythingBut,
  features,
  negotiate,
  openModern,
  reset,
  setUpQueue,
  status,
  type ModernTransport,
} from '../../../src/driver/index.js';
import { describeWrongDrivers, negotiated, withQueue, type Watched } from './watched.js';

const { acknowledge, driver, featuresOk, driverOk, failed } = status;

/** Up to the choice of features. */
async function begun({ target }: Watched): Promise<ModernTransport> {
  const transport = await openModern(target.machine);
  await reset(transport);
  await addStatus(transport, acknowledge);
  await addStatus(transport, driver);
  return transport;
}

/** Accepts what is offered and these bits too, or all but those that are left out. */
async function accepting(watched: Watched, more: bigint, less = 0n): Promise<void> {
  const transport = await openModern(watched.target.machine);
  await negotiate(transport, (offered) => (everythingBut()(offered) | more) & ~less).catch(() => undefined);
}

describe('a driver that initialises the device wrongly', () => {
  describeWrongDrivers([
    {
      breaks: ['basic-dri-001'],
      does: 'accepts features before it says that it is there',
      async run({ target }) {
        const transport = await openModern(target.machine);
        await reset(transport);
        await transport.accept(everythingBut()(await transport.offered()));
      },
    },
    {
      breaks: ['basic-dri-002'],
      does: 'clears a status bit',
      async run(watched) {
        const transport = await begun(watched);
        await transport.writeStatus(acknowledge);
      },
    },
    {
      breaks: ['basic-dri-003'],
      does: 'goes on after FAILED',
      async run(watched) {
        const transport = await begun(watched);
        await addStatus(transport, failed);
        await transport.accept(everythingBut()(await transport.offered()));
        await addStatus(transport, featuresOk);
      },
    },
    {
      breaks: ['basic-dri-005'],
      does: 'accepts what is not offered',
      run: (watched) => accepting(watched, features('VIRTIO_NET_F_STANDBY')),
    },
    {
      breaks: ['basic-dri-005'],
      does: 'accepts segmentation without checksums',
      run: (watched) => accepting(watched, 0n, features('VIRTIO_NET_F_CSUM')),
    },
    {
      breaks: ['basic-dri-006'],
      does: 'accepts features that it has not looked for',
      async run(watched) {
        const transport = await begun(watched);
        await transport.accept(features('VIRTIO_F_VERSION_1'));
      },
    },
    {
      breaks: ['basic-dri-005', 'basic-dri-007'],
      does: 'accepts a bit that has no meaning',
      run: (watched) => accepting(watched, 1n << 45n),
    },
    {
      breaks: ['basic-dri-012'],
      does: 'reads a field without its feature',
      card: { features: { VIRTIO_NET_F_MTU: false } },
      async run(watched) {
        const { transport } = await negotiated(watched);
        await transport.readConfig(10, 2);
      },
    },
    {
      breaks: ['basic-dri-015', 'pci-dri-018'],
      does: 'sets a queue up again before it is reset',
      async run(watched) {
        const { transport, ring } = await withQueue(watched, 0);
        await addStatus(transport, driverOk);
        await transport.set('queueReset', 1);
        await transport.placeQueue(0, ring);
      },
    },
    {
      breaks: ['basic-dri-016'],
      does: 'enables a queue again with what it was before its reset',
      async run(watched) {
        const { transport } = await withQueue(watched, 0);
        await addStatus(transport, driverOk);
        await transport.resetQueue(0);
        await transport.set('queueEnable', 1);
      },
    },
    {
      breaks: ['basic-dri-017'],
      does: 'begins without a reset',
      async run({ target }) {
        const transport = await openModern(target.machine);
        await addStatus(transport, acknowledge);
      },
    },
    {
      breaks: ['basic-dri-017'],
      does: 'is a driver before it has noticed the device',
      async run({ target }) {
        const transport = await openModern(target.machine);
        await reset(transport);
        await addStatus(transport, driver);
      },
    },
    {
      breaks: ['basic-dri-017'],
      does: 'does not look whether FEATURES_OK stayed',
      async run(watched) {
        const transport = await begun(watched);
        await transport.accept(everythingBut()(await transport.offered()));
        await transport.writeStatus(acknowledge | driver | featuresOk);
        await transport.writeStatus(acknowledge | driver | featuresOk | driverOk);
      },
    },
    {
      breaks: ['basic-dri-018', 'net-dri-001'],
      does: 'writes the configuration before FEATURES_OK',
      async run(watched) {
        const transport = await begun(watched);
        await transport.writeConfig(0, 1, 2);
      },
    },
    {
      breaks: ['net-dri-001'],
      does: 'writes the configuration',
      async run(watched) {
        const { transport } = await negotiated(watched);
        await transport.writeConfig(0, 1, 2);
      },
    },
    {
      breaks: ['basic-dri-019'],
      does: 'accepts one more feature after FEATURES_OK',
      async run(watched) {
        const { transport, features: accepted } = await negotiated(watched, 'VIRTIO_NET_F_MTU');
        await transport.acceptWord(0, Number(accepted & 0xffffffffn) | Number(features('VIRTIO_NET_F_MTU')));
      },
    },
    {
      breaks: ['basic-dri-005', 'basic-dri-017', 'basic-dri-021'],
      does: 'goes on without FEATURES_OK',
      async run(watched) {
        const transport = await begun(watched);
        await transport.accept(everythingBut()(await transport.offered()) | features('VIRTIO_NET_F_STANDBY'));
        await addStatus(transport, featuresOk);
        await addStatus(transport, driverOk);
      },
    },
    {
      breaks: ['basic-dri-022'],
      does: 'notifies before DRIVER_OK',
      async run(watched) {
        const { transport, ring } = await withQueue(watched, 0);
        await transport.notify(0, ring);
      },
    },
    {
      breaks: ['basic-dri-031'],
      does: 'leaves VIRTIO_F_VERSION_1 out',
      async run(watched) {
        await accepting(watched, 0n, 0xffffffff00000000n);
      },
    },
    {
      breaks: ['basic-dri-005', 'basic-dri-037'],
      does: 'accepts VIRTIO_F_SR_IOV',
      run: (watched) => accepting(watched, features('VIRTIO_F_SR_IOV')),
    },
  ]);
});

describe('a driver that uses the registers wrongly', () => {
  describeWrongDrivers([
    {
      breaks: ['pci-dri-004'],
      does: 'reads a byte of a field of 32 bits',
      async run({ target }) {
        const transport = await openModern(target.machine);
        await transport.common.read(4, 1);
      },
    },
    {
      breaks: ['pci-dri-004'],
      does: 'reads one half of a field of 16 bits',
      async run({ target }) {
        const transport = await openModern(target.machine);
        await transport.common.read(18, 1);
        await transport.readStatus();
      },
    },
    {
      breaks: ['pci-dri-011'],
      does: 'writes into a capability',
      async run({ target }) {
        const transport = await openModern(target.machine);
        await transport.card.write(transport.structures[0].at + 8, 4, 0);
      },
    },
    ...(['deviceFeature', 'numQueues', 'configGeneration', 'queueNotifyOff', 'queueNotifConfigData'] as const).map(
      (field) => ({
        breaks: ['pci-dri-012'] as const,
        does: `writes ${field}`,
        async run(watched: Watched) {
          const { transport } = await negotiated(watched);
          await transport.set(field, 1);
        },
      }),
    ),
    {
      breaks: ['pci-dri-013'],
      does: 'gives a packed queue no entry',
      async run(watched) {
        const { transport } = await negotiated(watched);
        await transport.set('queueSize', 0);
      },
    },
    {
      breaks: ['pci-dri-014'],
      does: 'gives a split queue 24 entries',
      async run(watched) {
        const { transport } = await negotiated(watched, 'VIRTIO_F_RING_PACKED');
        await transport.set('queueSize', 24);
      },
    },
    {
      breaks: ['pci-dri-015'],
      does: 'enables a queue that it has not set up',
      async run(watched) {
        const { transport } = await negotiated(watched);
        await transport.set('queueSelect', 1);
        await transport.set('queueEnable', 1);
      },
    },
    {
      breaks: ['pci-dri-015'],
      does: 'changes the size of an enabled queue',
      async run(watched) {
        const { transport } = await withQueue(watched, 1);
        await transport.set('queueSize', 8);
      },
    },
    {
      breaks: ['pci-dri-016'],
      does: 'does not wait for the end of the reset',
      async run({ target }) {
        const transport = await openModern(target.machine);
        await transport.writeStatus(0);
        await transport.writeStatus(acknowledge);
      },
    },
    {
      breaks: ['pci-dri-017'],
      does: 'disables a queue',
      async run(watched) {
        const { transport } = await withQueue(watched, 1);
        await transport.set('queueEnable', 0);
      },
    },
    {
      breaks: ['pci-dri-023', 'pci-dri-024'],
      does: 'reads through the configuration access capability at an odd place',
      async run({ target }) {
        const transport = await openModern(target.machine);
        await throughWindow(transport, 18, 4);
      },
    },
    {
      breaks: ['pci-dri-025'],
      does: 'reads what is no structure through it',
      async run({ target }) {
        const transport = await openModern(target.machine);
        await throughWindow(transport, 0x3000, 4);
      },
    },
    {
      breaks: ['pci-dri-027'],
      does: 'maps a queue to a vector that there is not',
      async run(watched) {
        const { transport } = await negotiated(watched);
        await transport.setQueueVector(0, transport.msix!.size);
      },
    },
    {
      breaks: ['pci-dri-028'],
      does: 'does not look whether a vector was mapped',
      async run(watched) {
        const { transport } = await withQueue(watched, 0);
        await transport.set('queueMsixVector', 1);
        await addStatus(transport, driverOk);
      },
    },
  ]);
});

describe('a driver that notifies wrongly', () => {
  const data = 'VIRTIO_F_NOTIFICATION_DATA';
  const named = 'VIRTIO_F_NOTIF_CONFIG_DATA';

  describeWrongDrivers([
    {
      breaks: ['pci-dri-029'],
      does: 'by 32 bits in place of 16',
      run: (watched) => notifying(watched, [data, named], 4, () => 1),
    },
    {
      breaks: ['pci-dri-030'],
      does: 'by 16 bits in place of 32',
      run: (watched) => notifying(watched, [named], 2, () => 1),
    },
    {
      breaks: ['pci-dri-031'],
      does: 'by the index of another queue',
      run: (watched) => notifying(watched, [data, named], 2, () => 3),
    },
    {
      breaks: ['pci-dri-032'],
      does: 'by the index of another queue, with data',
      run: (watched) => notifying(watched, [named], 4, () => 3),
    },
    {
      breaks: ['pci-dri-033'],
      does: 'by the index in place of what the queue is called',
      run: (watched) => notifying(watched, [data], 2, () => 1),
    },
    {
      breaks: ['pci-dri-034'],
      does: 'by the index in place of what the queue is called, with data',
      run: (watched) => notifying(watched, [], 4, () => 1),
    },
  ]);

  async function notifying(
    watched: Watched,
    except: readonly (typeof data | typeof named)[],
    width: 2 | 4,
    value: () => number,
  ): Promise<void> {
    const { transport, features: accepted } = await negotiated(watched, 'VIRTIO_F_RING_PACKED', ...except);
    await setUpQueue(transport, accepted, 1, { size: 16 });
    await addStatus(transport, driverOk);
    await transport.set('queueSelect', 1);
    const at = (await transport.get('queueNotifyOff')) * transport.notifyMultiplier;
    await transport.notification.write(at, width, value());
  }
});

/** Reads so many bytes behind the BAR of the common configuration. */
async function throughWindow({ card, structures }: ModernTransport, offset: number, length: number): Promise<void> {
  const window = structures.find(({ type }) => type === 5)!.at;
  await card.write(window + 4, 1, structures[0].bar);
  await card.write(window + 8, 4, offset);
  await card.write(window + 12, 4, length);
  await card.read(window + 16, 4);
}
