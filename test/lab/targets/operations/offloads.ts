import { expect } from 'vitest';

import { commands, gso, headerFlag, until } from '../../../../src/driver/index.js';
import { receiveIp, receiveTransport } from '../../../support/naiveStack.js';
import { buildPacket } from '../../../support/packets.js';
import { expectFrames, fromCard, macOf } from '../script.js';
import { peer, addressed, summed, payload } from './packets.js';
import type { Operations } from './operation.js';

/** What a card does to packets, and leaves to its driver. */
export const offloads = {
  'checksum offload': {
    needs: ['VIRTIO_NET_F_CSUM'],
    run: async (driver, target) => {
      const built = addressed(
        buildPacket({ version: 6, transport: 'udp', payload: payload(999) }),
        peer,
        macOf(driver),
      );
      const { checksumStart, checksumOffset } = built;
      await driver.send(0, [built.bytes], {
        header: { flags: headerFlag.needsChecksum, checksumStart, checksumOffset },
      });
      await driver.sent(0);
      const [frame] = await fromCard(target, 1);
      // The stack checks the sum.
      expect(receiveTransport(receiveIp(summed(frame))).payload).toEqual([...payload(999)]);
    },
  },

  'segmentation offload': {
    needs: ['VIRTIO_NET_F_HOST_TSO4'],
    run: async (driver, target) => {
      const sent = payload(20000);
      const built = addressed(buildPacket({ version: 4, transport: 'tcp', payload: sent }), peer, macOf(driver));
      const { checksumStart, checksumOffset, payloadStart } = built;
      await driver.send(0, [built.bytes], {
        header: {
          flags: headerFlag.needsChecksum,
          gsoType: gso.tcp4,
          gsoSize: 1000,
          headerLength: payloadStart,
          checksumStart,
          checksumOffset,
        },
      });
      await driver.sent(0);
      const received: number[] = [];
      await until(target.machine, 'all segments', async () => {
        for (const frame of await target.wire.take()) {
          if (frame.offload?.gsoSize) expect(frame.offload.gsoSize).toBe(1000);
          else expect(frame.bytes.length).toBeLessThanOrEqual(payloadStart + 1000);
          received.push(...receiveTransport(receiveIp(summed(frame))).payload);
        }
        return received.length >= sent.length ? true : undefined;
      });
      expect(received).toEqual([...sent]);
    },
  },

  'receive offloads': {
    needs: ['VIRTIO_NET_F_CTRL_GUEST_OFFLOADS', 'VIRTIO_NET_F_GUEST_CSUM'],
    run: async (driver) => {
      await driver.command(commands.setGuestOffloads(0n));
      await driver.command(commands.setGuestOffloads(1n << 1n));
      const { ack } = await driver.control!.send(commands.setGuestOffloads(1n << 40n));
      expect(ack).toBe(commands.ack.error);
    },
  },

  'large packets received': {
    needs: ['VIRTIO_NET_F_GUEST_TSO4', 'VIRTIO_NET_F_CTRL_GUEST_OFFLOADS', 'VIRTIO_NET_F_MRG_RXBUF'],
    run: async (driver, target) => {
      const sent = payload(9000);
      const { bytes, checksumStart, checksumOffset, payloadStart } = addressed(
        buildPacket({ version: 4, transport: 'tcp', payload: sent }),
        macOf(driver),
        peer,
      );
      const offload = {
        needsChecksum: true,
        checksumStart,
        checksumOffset,
        gsoType: gso.tcp4,
        gsoSize: 1000,
        ecn: false,
      };
      await target.wire.sendOffloaded!({ bytes, offload });
      const [{ header, frame }] = await driver.packets(1);
      expectFrames([frame], [bytes]);
      expect(header).toMatchObject({
        flags: headerFlag.needsChecksum,
        gsoType: gso.tcp4,
        gsoSize: 1000,
        checksumStart,
        checksumOffset,
      });
      await driver.command(commands.setGuestOffloads(0n));
      await target.wire.sendOffloaded!({ bytes, offload });
      const segments = await driver.packets(9);
      expect(segments.map((packet) => packet.frame.length)).toEqual(new Array(9).fill(payloadStart + 1000));
      expect(segments.flatMap((packet) => receiveTransport(receiveIp(packet.frame)).payload)).toEqual([...sent]);
    },
  },
} as const satisfies Operations;
