import { expect } from 'vitest';

import { commands, until } from '../../../../src/driver/index.js';
import { expectFrames, frames, macOf } from '../script.js';
import { peer, stranger, broadcast, filtered, framesOf } from './packets.js';
import type { Operations } from './operation.js';

/** What a card does on commands. */
export const control = {
  'receive modes and address table': {
    needs: ['VIRTIO_NET_F_CTRL_RX', 'VIRTIO_NET_F_CTRL_RX_EXTRA'],
    run: async (driver, target) => {
      const strange = frames(1, stranger, peer);
      const loud = frames(1, broadcast, peer);
      await driver.command(commands.setRxMode('promiscuous', true));
      expectFrames(framesOf(await filtered(driver, target, strange)), [...strange, ...frames(1, macOf(driver), peer)]);
      await driver.command(commands.setRxMode('promiscuous', false));
      expect((await filtered(driver, target, strange)).length).toBe(1);
      await driver.command(commands.setMacTable([Uint8Array.from(stranger)], []));
      expect((await filtered(driver, target, strange)).length).toBe(2);
      await driver.command(commands.setMacTable([], []));
      expect((await filtered(driver, target, [...strange, ...loud])).length).toBe(2);
      await driver.command(commands.setRxMode('noBroadcast', true));
      expect((await filtered(driver, target, loud)).length).toBe(1);
    },
  },

  'VLAN filter': {
    needs: ['VIRTIO_NET_F_CTRL_VLAN', 'VIRTIO_NET_F_CTRL_RX'],
    run: async (driver, target) => {
      const tagged = frames(2, macOf(driver), peer);
      for (const [i, frame] of tagged.entries()) frame.set([0x81, 0, 0, 100 + i], 12);
      await driver.command(commands.setRxMode('promiscuous', false));
      expect((await filtered(driver, target, tagged)).length).toBe(1);
      await driver.command(commands.addVlan(101));
      expectFrames(framesOf(await filtered(driver, target, tagged)), [tagged[1], ...frames(1, macOf(driver), peer)]);
      await driver.command(commands.deleteVlan(101));
      expect((await filtered(driver, target, tagged)).length).toBe(1);
    },
  },

  'notification coalescing': {
    needs: ['VIRTIO_NET_F_NOTF_COAL', 'VIRTIO_NET_F_VQ_NOTF_COAL'],
    except: ['VIRTIO_F_EVENT_IDX'],
    run: async (driver, target) => {
      const wish = { maxPackets: 3, maxMicroseconds: 60_000_000 };
      await driver.command(commands.setReceiveCoalescing(wish));
      const { result } = await driver.command(commands.getQueueCoalescing(0));
      expect(commands.decodeCoalescing(result)).toEqual(wish);
      await driver.interrupts();
      const given = frames(3, macOf(driver), peer);
      await target.wire.send(given[0], given[1]);
      await target.machine.settle();
      expect((await driver.interrupts()).queues).toEqual([]);
      await target.wire.send(given[2]);
      await until(target.machine, 'interrupt', async () =>
        (await driver.interrupts()).queues.length > 0 ? true : undefined,
      );
      expectFrames(framesOf(await driver.packets(3)), given);
    },
  },

  statistics: {
    needs: ['VIRTIO_NET_F_DEVICE_STATS'],
    run: async (driver, target) => {
      const { rxBasic, txBasic, controlQueue } = commands.statisticsType;
      const supported = (await driver.command(commands.queryStatistics())).result;
      expect(supported[0] & 1).toBe(1);
      await driver.send(0, frames(3, peer, macOf(driver)));
      await driver.sent(0);
      await target.wire.send(...frames(2, macOf(driver), peer));
      await driver.packets(2);
      const { result } = await driver.command(
        commands.getStatistics([
          { queue: 0, types: [rxBasic] },
          { queue: 1, types: [txBasic] },
          { queue: driver.control!.queue.index, types: [controlQueue] },
        ]),
      );
      const [received, sent, control] = commands.decodeStatistics(result);
      expect([received.queue, received.counters.rx_packets]).toEqual([0, 2n]);
      expect([sent.queue, sent.counters.tx_packets]).toEqual([1, 3n]);
      expect(control.counters.command_num).toBeGreaterThan(0n);
    },
  },
} as const satisfies Operations;
