import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runningCard } from '../support/netDriver.js';
import { status } from '../support/pciDriver.js';

const [ok, error] = [0, 1];
/** More classes and commands than the specification has. */
const command = fc.record({
  kind: fc.nat(10),
  command: fc.nat(8),
  data: fc.array(fc.oneof(fc.nat(4), fc.nat(255)), { maxLength: 80, size: 'max' }),
  room: fc.nat(120),
});

it('answers commands of every class, whatever their length and data, and survives them', () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 25, size: 'max' }), (commands) => {
      // The machine throws when anything is written that is not the command's.
      const { driver, faults } = runningCard({ queuePairs: 2, memory: 0x8000 });
      for (const { kind, command, data, room } of commands) {
        const answer = driver.query(kind, command, data, room);
        expect([ok, error]).toContain(answer?.[0]);
        if (answer?.[0] === error) expect(answer.length).toBe(1);
      }
      expect(driver.pci.hasStatus(status.needsReset)).toBe(false);
      expect(faults.every(({ needsReset }) => !needsReset)).toBe(true);
      // It still does what it is told: this command has a result of its own.
      expect(driver.query(8, 0, [], 8)?.[0]).toBe(ok);
    }),
    { numRuns: 100 },
  );
});
