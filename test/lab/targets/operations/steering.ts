import { expect } from 'vitest';

import { commands } from '../../../../src/driver/index.js';
import { microsoftKey, naiveHash } from '../../../support/naiveHash.js';
import { buildPacket } from '../../../support/packets.js';
import { exchange, frames, fromCard, macOf } from '../script.js';
import { addresses, peer, addressed, complete, payload, datagrams, sourcePort, answerTo } from './packets.js';
import type { Operations } from './operation.js';

/** How a card chooses among its pairs. */
export const steering = {
  'all pairs': {
    needs: ['VIRTIO_NET_F_MQ'],
    except: ['VIRTIO_NET_F_RSS', 'VIRTIO_F_RING_PACKED'],
    run: async (driver, target) => {
      expect(driver.transmitters.length).toBe(4);
      await exchange(target, driver, { name: 'all pairs', needs: [] });
    },
  },

  'all pairs, packed': {
    needs: ['VIRTIO_NET_F_MQ', 'VIRTIO_F_RING_PACKED'],
    except: ['VIRTIO_NET_F_RSS'],
    run: async (driver, target) => {
      expect(driver.queues.every(({ ring }) => ring.layout === 'packed')).toBe(true);
      await exchange(target, driver, { name: 'all pairs', needs: [] });
    },
  },

  'automatic steering': {
    needs: ['VIRTIO_NET_F_MQ'],
    except: ['VIRTIO_NET_F_RSS'],
    run: async (driver, target) => {
      const card = macOf(driver);
      for (const pair of [3, 1, 2, 0]) {
        // A flow that the driver sends on a pair comes back on that pair (5.1.6.5.5).
        const out = { version: 4, transport: 'udp', payload: payload(9), port: 50200 + pair } as const;
        await driver.send(pair, [complete(addressed(buildPacket(out), peer, card))]);
        await driver.sent(pair);
        const [sent] = await fromCard(target, 1);
        await target.wire.send(answerTo(sent.bytes));
        expect((await driver.packets(1))[0].pair).toBe(pair);
      }
    },
  },

  RSS: {
    needs: ['VIRTIO_NET_F_RSS'],
    run: async (driver, target) => {
      const udp4 = 1 << 2;
      const table = [2, 0, 3, 1, 1, 2, 0, 3];
      await driver.command(
        commands.setRss({
          hashTypes: udp4,
          indirectionTable: table,
          unclassifiedQueue: 1,
          maxTransmitQueues: 4,
          key: microsoftKey,
        }),
      );
      const given = datagrams(driver, 12);
      const seen = new Set<number>();
      for (const { bytes, port } of given) {
        const { hash } = naiveHash(microsoftKey, udp4, {
          ...addresses,
          protocol: 17,
          sourcePort,
          destinationPort: port,
        });
        await target.wire.send(bytes);
        const [packet] = await driver.packets(1);
        expect(packet.pair).toBe(table[(hash & 7) >>> 0]);
        seen.add(packet.pair);
        if (driver.has('VIRTIO_NET_F_HASH_REPORT')) {
          expect([packet.header.hashValue, packet.header.hashReport]).toEqual([hash, 3]);
        }
      }
      expect(seen.size).toBe(4);
      await target.wire.send(...frames(1, macOf(driver), peer));
      const [unclassified] = await driver.packets(1);
      expect([unclassified.pair, unclassified.header.hashReport]).toEqual([1, 0]);
    },
  },

  'hash report': {
    needs: ['VIRTIO_NET_F_HASH_REPORT'],
    except: ['VIRTIO_NET_F_RSS'],
    run: async (driver, target) => {
      const enabled = 1 << 0;
      await driver.command(commands.setHash(enabled, microsoftKey));
      const [{ bytes, port }] = datagrams(driver, 1);
      await target.wire.send(bytes);
      const [{ header }] = await driver.packets(1);
      const parts = { ...addresses, protocol: 17, sourcePort, destinationPort: port };
      const { hash, report } = naiveHash(microsoftKey, enabled, parts);
      expect([header.hashValue, header.hashReport]).toEqual([hash, report]);
    },
  },
} as const satisfies Operations;
