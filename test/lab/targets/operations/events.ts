import { expect } from 'vitest';

import {
  commands,
  headerBytes,
  ModernTransport,
  NetDriver,
  netStatus,
  openModern,
  readNetConfig,
  setUpQueue,
  until,
} from '../../../../src/driver/index.js';
import { expectFrames, exchange, frames, fromCard, macOf } from '../script.js';
import { peer } from './packets.js';
import type { Operations } from './operation.js';

/** What happens to a card: interrupts, changes of its link, resets. */
export const events = {
  'link status': {
    needs: ['VIRTIO_NET_F_STATUS'],
    run: async (driver, target) => {
      const { transport } = driver;
      for (const up of [false, true]) {
        const before = await transport.configGeneration();
        await driver.interrupts();
        await target.setLink!(up);
        await until(target.machine, 'configuration interrupt', async () =>
          (await driver.interrupts()).config ? true : undefined,
        );
        const { status } = await readNetConfig(transport, driver.features);
        expect(status! & netStatus.linkUp).toBe(up ? netStatus.linkUp : 0);
        expect(await transport.configGeneration()).not.toBe(before);
      }
    },
  },

  announcement: {
    needs: ['VIRTIO_NET_F_GUEST_ANNOUNCE'],
    run: async (driver, target) => {
      await driver.interrupts();
      await target.announce!();
      await until(target.machine, 'configuration interrupt', async () =>
        (await driver.interrupts()).config ? true : undefined,
      );
      const status = async (): Promise<number> => (await readNetConfig(driver.transport, driver.features)).status!;
      expect((await status()) & netStatus.announce).toBe(netStatus.announce);
      await driver.command(commands.acknowledgeAnnounce());
      expect((await status()) & netStatus.announce).toBe(0);
    },
  },

  'masked vectors': {
    needs: [],
    run: async (driver) => {
      const msix = driver.transport.msix!;
      const { vector } = driver.transmitters[0].queue;
      const sendOne = async (): Promise<void> => {
        await driver.transmitters[0].queue.ring.wantInterrupts('always');
        await driver.send(0, frames(1, peer, macOf(driver)));
        await driver.sent(0);
      };
      await msix.takeAll();
      await msix.mask(vector!, true);
      await sendOne();
      expect([await msix.take(vector!), await msix.isPending(vector!)]).toEqual([false, true]);
      await msix.mask(vector!, false);
      expect([await msix.take(vector!), await msix.isPending(vector!)]).toEqual([true, false]);
      await msix.maskAll(true);
      await sendOne();
      expect([await msix.take(vector!), await msix.isPending(vector!)]).toEqual([false, true]);
      await msix.maskAll(false);
      expect(await msix.take(vector!)).toBe(true);
    },
  },

  'reset of a queue': {
    needs: ['VIRTIO_F_RING_RESET'],
    run: async (driver, target) => {
      const { transport } = driver;
      if (!(transport instanceof ModernTransport)) throw new Error('a legacy device can not reset a queue');
      const card = macOf(driver);
      await driver.send(0, frames(3, peer, card));
      await driver.sent(0);
      await fromCard(target, 3);
      await until(target.machine, 'end of the reset', async () => ((await transport.resetQueue(1)) ? true : undefined));
      expect(await transport.get('queueEnable')).toBe(0);
      const ring = await setUpQueue(transport, driver.features, 1, { size: 8 });
      expect(await transport.get('queueReset')).toBe(0);
      const [frame] = frames(1, peer, card);
      const header = headerBytes(driver.features);
      const address = await transport.memory.store(Uint8Array.of(...new Uint8Array(header), ...frame));
      await ring.add([{ address, length: header + frame.length, writable: false }]);
      await ring.publish();
      await transport.notify(1, ring);
      await until(target.machine, 'used buffer', async () => (await ring.collect()).at(0));
      expectFrames([(await fromCard(target, 1))[0].bytes], [frame]);
    },
  },

  'reset of the machine': {
    needs: [],
    run: async (driver, target) => {
      expect(await driver.transport.readStatus()).toBe(15);
      await target.reset!();
      expect((await driver.transport.card.command()) & 7).toBe(0);
      const transport = await openModern(target.machine);
      expect(await transport.readStatus()).toBe(0);
      const again = await NetDriver.start(transport, { queueSize: 16 });
      await exchange(target, again, { name: 'after a reset', needs: [] });
      await driver.transport.card.placeBars();
    },
  },
} as const satisfies Operations;
