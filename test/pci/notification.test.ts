import { describe, expect, it } from 'vitest';
import { plainFrame } from '../support/frames.js';
import { feature, NetDriver, newCard } from '../support/netDriver.js';
import { structure } from '../support/pciDriver.js';

const { version1, controlQueue, notificationData, notifConfigData, packed } = feature;
const transmit = 1;

function newDriver(features: bigint) {
  const parts = newCard({ queuePairs: 1 });
  return { ...parts, driver: new NetDriver(parts.machine, { features: version1 | features }) };
}

/** Writes to the queue's notification address. */
function write({ driver, machine }: ReturnType<typeof newDriver>, width: 1 | 2 | 4, value: number): void {
  driver.queuePacket(0, plainFrame(60));
  machine.write(driver.pci.at(structure.notify, 4 * transmit), width, value);
}

describe('a notification (4.1.5.2)', () => {
  const cases: [what: string, features: bigint, width: 2 | 4, value: (name: number) => number][] = [
    ['is the index in 16 bits', 0n, 2, () => transmit],
    ['is what the device calls the queue, in 16 bits', notifConfigData, 2, (name) => name],
    ['has data in 32 bits', notificationData, 4, () => 0x10000 + transmit],
    ['has data of a packed ring, too', notificationData | packed, 4, () => 0x80010000 + transmit],
    ['has both', notificationData | notifConfigData, 4, (name) => 0x10000 + name],
  ];
  for (const [what, features, width, value] of cases) {
    it(what, () => {
      const parts = newDriver(features);
      write(parts, width, value(parts.driver.pci.getQueue(transmit, 'queueNotifConfigData')));
      expect(parts.wire.sent.length).toBe(1);
      expect(parts.faults).toEqual([]);
    });
  }

  it.each([
    ['in 32 bits that were not negotiated', 0n, 4, transmit],
    ['in 16 bits where 32 were negotiated', notificationData, 2, transmit],
    ['with the index of another queue', 0n, 2, 2],
    ['with the index where the device gave another name', notifConfigData, 2, transmit],
    ['with the index of another queue and data', notificationData, 4, 0x10002],
  ] as const)('%s counts, and is reported', (_, features, width, value) => {
    const parts = newDriver(features);
    write(parts, width, value);
    expect(parts.wire.sent.length).toBe(1);
    expect(parts.faults).toMatchObject([{ needsReset: false, fault: { rule: 'notify-value', queue: transmit } }]);
  });

  it.each([0n, notificationData, notifConfigData])(
    'that an emulator cuts into bytes counts once (0x%x)',
    (features) => {
      const parts = newDriver(features);
      parts.machine.splitting = 'bytes';
      write(parts, 4, 0x10000 + transmit);
      expect(parts.wire.sent.length).toBe(1);
      expect(parts.faults).toEqual([]);
    },
  );

  it('has room for 32 bits at each address, which are apart by a multiple of 4 (4.1.4.4)', () => {
    const { driver, machine } = newDriver(notificationData);
    const { capability, length } = driver.pci.structures.get(structure.notify)!;
    const multiplier = machine.readConfig(capability + 16, 4);
    expect(multiplier % 4).toBe(0);
    for (const queue of [0, 1, 2]) {
      expect(length).toBeGreaterThanOrEqual(driver.pci.getQueue(queue, 'queueNotifyOff') * multiplier + 4);
    }
  });

  it('has a name for each queue that is no other queue, and none where that was not negotiated (4.1.4.3)', () => {
    const { driver } = newDriver(notifConfigData | controlQueue);
    const names = [0, 1, 2].map((queue) => driver.pci.getQueue(queue, 'queueNotifConfigData'));
    expect(new Set([0, 1, 2, ...names]).size).toBe(6);
    driver.pci.set('queueNotifConfigData', 5);
    expect(driver.pci.get('queueNotifConfigData')).toBe(names[2]);
    expect(newDriver(0n).driver.pci.getQueue(0, 'queueNotifConfigData')).toBe(0);
  });
});
