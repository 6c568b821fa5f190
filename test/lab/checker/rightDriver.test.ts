import { describe, expect, it } from 'vitest';

import { NetDriver, openModern } from '../../../src/driver/index.js';
import { checkDriver } from '../../../src/lab/checker/index.js';
import { inProcess } from '../../../src/lab/targets/inProcess.js';
import type { Target } from '../../../src/lab/targets/target.js';
import { describeOperations, operationNames } from '../targets/operations.js';
import { describeSubsets } from '../targets/subsets.js';
import { exchange, start, ways, type Way } from '../targets/script.js';
import { looks, watched } from './watched.js';

/** A card whose driver is judged when it is closed. */
function judged(): Promise<Target> {
  const { target, checker } = watched();
  const close = (): Promise<void> => {
    expect(checker.report().violations).toEqual([]);
    return Promise.resolve();
  };
  return Promise.resolve({ ...target, close });
}

const legacyCard = { transitional: true, queueSize: 16 };

describe('a driver that does all right', () => {
  it.each(Object.values(ways) as Way[])('breaks no statement: $name', async (way) => {
    const { target, checker } = watched(way.through === 'legacy' ? legacyCard : {});
    const driver = await start(target, way);
    await exchange(target, driver, way);
    await driver.stop();
    expect(checker.report().violations).toEqual([]);
  });

  // One of these asks for an offload that there is not, to be refused: net.test.ts has that driver.
  const right = operationNames.filter((name) => name !== 'receive offloads');
  describeOperations(judged, right);

  describeSubsets(judged, 30);

  it('breaks none when it starts again and again', async () => {
    const { target, checker } = watched();
    for (let round = 0; round < 3; round++) {
      const driver = await start(target, ways.events);
      await exchange(target, driver, ways.events, 4);
    }
    expect(checker.report().violations).toEqual([]);
  });

  it('breaks none when it is watched from its middle on', async () => {
    for (const way of [ways.events, ways.packedEvents, ways.packedInOrder] as readonly Way[]) {
      const target = inProcess();
      const driver = await start(target, way);
      await exchange(target, driver, way, 7);
      const checker = checkDriver(target.function);
      await exchange(target, driver, way, 20);
      await driver.stop();
      await NetDriver.start(await openModern(target.machine));
      expect(checker.report().violations).toEqual([]);
    }
  });

  it('breaks none when the card is saved and restored while it works', async () => {
    for (const way of [ways.events, ways.packedEvents, ways.packedInOrder] as readonly Way[]) {
      const { target, checker } = watched();
      const driver = await start(target, way);
      await exchange(target, driver, way, 7);
      const state = structuredClone(target.function.save());
      target.function.reset();
      target.function.restore(state);
      await exchange(target, driver, way, 20);
      await driver.stop();
      expect(checker.report().violations).toEqual([]);
    }
  });

  it('breaks none when an emulator takes accesses of 16 bits apart', async () => {
    const { target, checker } = watched();
    for (const bar of target.function.bars) {
      if (!bar) continue;
      const read = bar.read.bind(bar);
      const write = bar.write.bind(bar);
      Object.assign(bar, {
        read: (offset: number, width: 1 | 2 | 4) =>
          width === 2 ? read(offset, 1) + 256 * read(offset + 1, 1) : read(offset, width),
        write(offset: number, width: 1 | 2 | 4, value: number) {
          if (width !== 2) {
            write(offset, width, value);
            return;
          }
          write(offset, 1, value & 0xff);
          write(offset + 1, 1, value >>> 8);
        },
      });
    }
    const driver = await start(target, ways.events);
    await exchange(target, driver, ways.events);
    await driver.stop();
    expect(looks({ target, checker }, 'pci-dri-004')).toBeGreaterThan(50);
    expect(checker.report().violations).toEqual([]);
  });

  it('is not watched any more after stop', async () => {
    const { target, checker } = watched();
    const before = Object.keys(target.device);
    const driver = await start(target, ways.events);
    await exchange(target, driver, ways.events, 4);
    const report = checker.report();
    checker.stop();
    await exchange(target, driver, ways.events, 4);
    await driver.stop();
    expect(checker.report()).toEqual(report);
    const own = (object: object): string[] => Object.keys(object);
    const clean = inProcess();
    expect(own(target.function)).toEqual(own(clean.function));
    expect(own(target.device)).toEqual(own(clean.device));
    expect(own(target.function.config)).toEqual(own(clean.function.config));
    expect(before.length).toBeGreaterThanOrEqual(own(target.device).length);
  });
});
