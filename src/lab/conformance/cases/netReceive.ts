import { has, headerBytes, until, type FeatureName } from '../../../driver/index.js';
import { claim, type Case } from '../case.js';
import { plainFrame } from '../packets.js';
import { same } from '../reception.js';
import { inbound, receivedUntilMarker, startWith } from '../traffic.js';

const smallBuffer = 128;
const merged = ['VIRTIO_NET_F_MRG_RXBUF'] as const;
const small = { receive: { bufferBytes: smallBuffer } };

/** That packets lie in several buffers, or in one (virtio 5.1.6.3, 5.1.6.4). */
export const netReceiveCases: readonly Case[] = [
  {
    id: 'net-receive-buffer-count',
    statements: ['net-dev-023', 'net-dev-026'],
    section: '5.1.6.3.2',
    expects: 'num_buffers is how many buffers the packet with its header is spread over',
    needs: merged,
    async run(bench) {
      const driver = await startWith(bench, merged, small);
      const header = headerBytes(driver.features);
      const { to, from } = inbound(driver);
      const lengths = [60, smallBuffer - header, smallBuffer - header + 1, 600, 1514];
      const seen: string[] = [];
      let right = true;
      for (const length of lengths) {
        const sent = plainFrame(to, from, length);
        await bench.wire.send(sent);
        const [{ header: fields, frame, lengths: used }] = await driver.packets(1);
        // The driver takes as many buffers as num_buffers says, so the frame is whole only if that was right.
        right &&= same(frame, sent) && fields.numBuffers === Math.ceil((header + length) / smallBuffer);
        seen.push(`${header}+${length} bytes: num_buffers ${fields.numBuffers}, used lengths ${used.join('+')}`);
      }
      return claim(right, `buffers of ${smallBuffer} bytes; ${seen.join('; ')}`);
    },
  },
  {
    id: 'net-receive-single-buffer',
    statements: ['net-dev-023', 'net-dev-025'],
    section: '5.1.6.4.1',
    expects: 'without VIRTIO_NET_F_MRG_RXBUF num_buffers is 1',
    async run(bench) {
      const driver = await startWith(bench, []);
      const { to, from } = inbound(driver);
      const sent = [60, 600, 1514].map((length) => plainFrame(to, from, length));
      await bench.wire.send(...sent);
      const packets = await receivedUntilMarker(bench, driver);
      const whole = packets.length === sent.length && packets.every(({ frame }, i) => same(frame, sent[i]));
      const counts = packets.map(({ header }) => header.numBuffers);
      return claim(
        whole && counts.every((count) => count === 1),
        `packets of ${packets.map(({ frame }) => frame.length).join(', ')} bytes with num_buffers ${counts.join(', ')}`,
      );
    },
  },
  {
    id: 'net-receive-not-spread',
    statements: ['net-dev-024'],
    section: '5.1.6.3.2',
    expects: 'without VIRTIO_NET_F_MRG_RXBUF a packet that does not fit takes no second buffer',
    async run(bench) {
      const used = async (names: readonly FeatureName[], length: number): Promise<number> => {
        const driver = await startWith(bench, names, { receive: { bufferBytes: 600 } });
        const { to, from } = inbound(driver);
        await bench.wire.send(plainFrame(to, from, length));
        return (await receivedUntilMarker(bench, driver)).flatMap(({ lengths }) => lengths).length;
      };
      const [fits, large] = [await used([], 500), await used([], 1000)];
      const mergeable = has(await (await bench.modern()).offered(), merged[0]);
      const spread = mergeable ? `, with VIRTIO_NET_F_MRG_RXBUF ${await used(merged, 1000)}` : '';
      return claim(
        fits === 1 && large <= 1,
        `buffers of 600 bytes: 500 bytes use ${fits} buffer, 1000 bytes use ${large}${spread}`,
      );
    },
  },
  {
    id: 'net-receive-buffers-full',
    statements: ['net-dev-027'],
    section: '5.1.6.4.1',
    expects: 'all buffers of a packet but the last are full',
    needs: merged,
    async run(bench) {
      const driver = await startWith(bench, merged, small);
      const { to, from } = inbound(driver);
      const sent = [300, 1000, 1514].map((length) => plainFrame(to, from, length));
      const seen: string[] = [];
      let full = true;
      for (const frame of sent) {
        await bench.wire.send(frame);
        const [packet] = await driver.packets(1);
        full &&= packet.lengths.length > 1 && packet.lengths.slice(0, -1).every((length) => length === smallBuffer);
        full &&= same(packet.frame, frame);
        seen.push(packet.lengths.join('+'));
      }
      return claim(full, `buffers of ${smallBuffer} bytes; used lengths ${seen.join(', ')}`);
    },
  },
  together('split'),
  together('packed'),
];

/** All buffers of a packet are to be seen as used at one time. */
function together(ring: 'split' | 'packed'): Case {
  return {
    id: `net-receive-buffers-together-${ring}`,
    statements: ['net-dev-028'],
    section: '5.1.6.4.1',
    expects: `when the first buffer of a packet is used, so are the others (${ring} ring)`,
    needs: ring === 'packed' ? [...merged, 'VIRTIO_F_RING_PACKED'] : merged,
    async run(bench) {
      const driver = await startWith(bench, merged, { ...small, ring });
      const { to, from } = inbound(driver);
      const counts: number[] = [];
      for (let round = 0; round < 3; round++) {
        await bench.wire.send(plainFrame(to, from, 1000, round));
        const count = await until(bench.machine, 'used buffer', async () => {
          const used = await driver.receivers[0].queue.collect();
          return used.length > 0 ? used.length : undefined;
        });
        counts.push(count);
        await driver.receivers[0].fill();
      }
      const needed = Math.ceil((headerBytes(driver.features) + 1000) / smallBuffer);
      return claim(
        counts.every((count) => count === needed),
        `packets that need ${needed} buffers: the first look at the ring that saw any saw ${counts.join(', ')}`,
      );
    },
  };
}
