import { Queue, setUpQueue, type ModernTransport, type NetDriver } from '../../../driver/index.js';
import { modernOf, type Bench } from '../bench.js';
import { claim, type Case } from '../case.js';
import { takeBack } from '../queues.js';
import { interrupted, MemoryImage, storePacket, usedBuffers } from '../rings.js';
import { incoming, outgoing, sameFrames, sentFrames } from '../exchange.js';

const layouts = ['split', 'packed'] as const;
const entries = 16;
const common = { card: { pairs: 1 }, needs: ['VIRTIO_F_RING_RESET'] } as const;
const packed = { ...common, needs: [...common.needs, 'VIRTIO_F_RING_PACKED'] } as const;

/** The reset of one queue (virtio 2.6.1). */
export const queueResetCases: readonly Case[] = [
  ...layouts.map((ring): Case => ({
    id: `queue-reset-ends-activity-${ring}`,
    statements: ['basic-dev-011'],
    section: '2.6.1.1.1',
    expects: 'a receive queue that was reset gets no packets, and no notification is sent for it',
    ...(ring === 'packed' ? packed : common),
    async run(bench) {
      const driver = await bench.start({ ring });
      const transport = modernOf(driver);
      const [{ queue }] = driver.receivers;
      await driver.interrupts();
      await bench.wire.send(...incoming(driver, 1));
      await driver.packets(1);
      claim(
        await interrupted(bench, driver, queue),
        'no interrupt for a frame that came before the reset of the queue',
      );
      await takeBack(bench, driver, queue.index);
      await driver.interrupts();
      const image = await MemoryImage.take(transport);
      await bench.wire.send(...incoming(driver, 3));
      await bench.quiet();
      const changes = await image.changes();
      claim(changes.length === 0, `${changes.length} bytes written to the memory of a driver whose queue was reset`);
      const again = new Queue(transport, queue.index, await setUpQueue(transport, driver.features, queue.index));
      const length = 2048;
      await again.add([{ address: await transport.memory.allocate(length), length, writable: true }]);
      await again.kick();
      await bench.wire.send(...incoming(driver, 1));
      await usedBuffers(bench, again.ring, 1);
      return 'nothing written and no interrupt while the queue was reset; packets came again when it was enabled';
    },
  })),
  ...layouts.map((ring): Case => ({
    id: `queue-reset-state-${ring}`,
    statements: ['basic-dev-012'],
    section: '2.6.1.1.1',
    expects: 'a queue that was reset is as after the reset of the device: its registers, and both ends of its ring',
    ...(ring === 'packed' ? packed : common),
    async run(bench) {
      const [size, enabled, vector] = await registers(await bench.modern(), 1);
      const driver = await bench.start({ ring });
      const transport = modernOf(driver);
      // Once around and a bit: neither the index nor the wrap counter is what it was.
      await sendAll(bench, driver, driver.transmitters[0].queue, outgoing(driver, entries + 3, 60));
      const { queue } = driver.transmitters[0];
      const [forgotten, next] = outgoing(driver, 2, 70);
      await queue.add([await storePacket(driver, forgotten)]);
      await queue.ring.publish();
      await takeBack(bench, driver, queue.index);
      const now = await registers(transport, queue.index);
      claim(
        now[0] === size && now[1] === enabled && now[2] === vector,
        `size ${now[0]}, enable ${now[1]}, vector ${now[2]} after the reset; at first ${size}, ${enabled}, ${vector}`,
      );
      const ringAgain = await setUpQueue(transport, driver.features, queue.index, { size: entries });
      const again = new Queue(transport, queue.index, ringAgain);
      const id = await again.add([await storePacket(driver, next)]);
      await again.kick();
      const used = await usedBuffers(bench, again.ring, 1);
      await bench.quiet();
      const sent = await sentFrames(bench, 1);
      return claim(
        used[0].id === id && sameFrames(sent, [next]),
        `registers as at first; the first entry of the new ring was used for buffer ${used[0].id} of ${id}, and ${sent.length} of 1 packet sent`,
      );
    },
  })),
  ...layouts.map((ring): Case => ({
    id: `queue-reenabled-otherwise-${ring}`,
    statements: ['basic-dev-013'],
    section: '2.6.1.2.1',
    expects: 'a queue that is enabled again has the size, the addresses and the vector that it was given now',
    ...(ring === 'packed' ? packed : common),
    async run(bench) {
      const driver = await bench.start({ ring });
      const transport = modernOf(driver);
      const { queue } = driver.transmitters[0];
      await sendAll(bench, driver, queue, outgoing(driver, 3));
      await takeBack(bench, driver, queue.index);
      const smaller = entries / 2;
      const vector = driver.usesMsix ? { vector: 1 } : {};
      const ringAgain = await setUpQueue(transport, driver.features, queue.index, { size: smaller, ...vector });
      await ringAgain.wantInterrupts('always');
      await driver.interrupts();
      const again = new Queue(transport, queue.index, ringAgain, vector.vector);
      // More than twice around: with another size than that the ends of the ring would not meet.
      await sendAll(bench, driver, again, outgoing(driver, 2 * smaller + 3));
      const told =
        transport.msix && driver.usesMsix
          ? await transport.msix.take(1)
          : (await driver.interrupts()).queues.length > 0;
      return claim(
        told,
        `${2 * smaller + 3} packets went through the ring of ${smaller} that was one of ${entries}, and the new vector was ${told ? '' : 'not '}used`,
      );
    },
  })),
];

/** Sends frames one after the other, and claims that the card sent just them. */
async function sendAll(bench: Bench, driver: NetDriver, queue: Queue, frames: readonly Uint8Array[]): Promise<void> {
  for (const frame of frames) {
    await queue.add([await storePacket(driver, frame)]);
    await queue.kick();
    await usedBuffers(bench, queue.ring, 1);
  }
  claim(sameFrames(await sentFrames(bench, frames.length), frames), 'the card sent other frames than it was given');
}

/** What the registers of a queue hold that its driver gives it. */
async function registers(transport: ModernTransport, index: number): Promise<number[]> {
  const size = await transport.queueSize(index);
  return [size, await transport.get('queueEnable'), await transport.get('queueMsixVector')];
}
