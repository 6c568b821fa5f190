import { describe, expect, it } from 'vitest';
import { runningCard } from '../support/netDriver.js';

/** What a driver sees of the device configuration, with the generation that goes with it. */
function look({ pci }: ReturnType<typeof runningCard>['driver']) {
  const value = [0, 4, 8].map((offset) => pci.readDevice(offset, 4));
  return { value, generation: pci.get('configGeneration') };
}

describe('the configuration generation (4.1.4.3.1)', () => {
  it('stays while nothing changes', () => {
    const { driver } = runningCard();
    expect(look(driver)).toEqual(look(driver));
  });

  it('differs after the link changed', () => {
    const { card, driver } = runningCard();
    const before = look(driver);
    card.setLink(false);
    const after = look(driver);
    expect(after.value).not.toEqual(before.value);
    expect(after.generation).not.toBe(before.generation);
  });

  it('differs after the driver changed the address', () => {
    const { driver } = runningCard();
    const before = look(driver);
    expect(driver.command(1, 1, [2, 3, 4, 5, 6, 7])).toBe(0);
    const after = look(driver);
    expect(after.value).not.toEqual(before.value);
    expect(after.generation).not.toBe(before.generation);
  });

  it('differs however often the configuration changed between two looks', () => {
    const { card, driver } = runningCard();
    for (const times of [1, 2, 255, 256, 257, 512]) {
      const before = look(driver).generation;
      for (let i = 0; i < times; i++) card.setLink(!card.linkUp);
      expect(look(driver).generation).not.toBe(before);
    }
  });
});
