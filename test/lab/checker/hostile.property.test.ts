import fc from 'fast-check';
import { expect, it } from 'vitest';

import { NetDriver, openModern, everythingBut } from '../../../src/driver/index.js';
import { watched } from './watched.js';

/** Something that a driver without sense does. */
const deed = fc.oneof(
  fc.record({ kind: fc.constant('register' as const), offset: fc.nat(0x4100), value: fc.integer() }),
  fc.record({ kind: fc.constant('config' as const), offset: fc.nat(255), value: fc.integer() }),
  fc.record({
    kind: fc.constant('ring' as const),
    queue: fc.nat(8),
    area: fc.nat(2),
    at: fc.nat(300),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  }),
  fc.record({ kind: fc.constant('notify' as const), queue: fc.nat(9), value: fc.integer() }),
  fc.record({ kind: fc.constant('frame' as const), length: fc.integer({ min: 14, max: 1514 }) }),
);

it('bears a driver that does anything, and changes nothing in what the card does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(deed, { maxLength: 40 }), async (packed, deeds) => {
      const seen: string[] = [];
      for (const check of [true, false]) {
        const { target, checker } = watched();
        if (!check) checker.stop();
        const accept = packed ? everythingBut() : everythingBut('VIRTIO_F_RING_PACKED');
        const driver = await NetDriver.start(await openModern(target.machine), { accept, queueSize: 16 });
        const [bar] = target.function.bars;
        for (const one of deeds) {
          if (one.kind === 'register') bar!.write(one.offset, 4, one.value);
          else if (one.kind === 'config') target.function.config.write(one.offset, 1, one.value & 0xff);
          else if (one.kind === 'notify') bar!.write(0x4000 + 4 * one.queue, 2, one.value);
          else if (one.kind === 'frame') await target.wire.send(new Uint8Array(one.length));
          else {
            const { descriptorArea, driverArea, deviceArea } = driver.queues[one.queue].ring;
            await target.machine.writeBytes([descriptorArea, driverArea, deviceArea][one.area] + one.at, one.bytes);
          }
        }
        seen.push(JSON.stringify(target.function.save()));
        checker.report();
      }
      expect(seen[0]).toBe(seen[1]);
    }),
    { numRuns: 60 },
  );
});
