import { describe, expect, it } from 'vitest';
import { feature, runningCard, type Card, type NetDriver } from '../support/netDriver.js';
import { status } from '../support/pciDriver.js';

const [ok, error] = [0, 1];
const macClass = 1;
const mqClass = 4;

const setMac = (driver: NetDriver, mac: number[]): number | undefined => driver.command(macClass, 1, mac);
const rules = ({ faults }: Pick<Card, 'faults'>) => faults.map(({ fault }) => fault.rule);

describe('VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET (5.1.6.5.6.1)', () => {
  it.each([1, 2, 4, 8, 256])('takes 1 to all pairs of %i, and neither 0 nor one more', (queuePairs) => {
    const parts = runningCard({ queuePairs, queueSize: 4, memory: 0x100000 });
    const { driver, card } = parts;
    parts.machine.watching = false;
    for (const pairs of new Set([1, Math.ceil(queuePairs / 2), queuePairs])) {
      expect(driver.setPairs(pairs)).toBe(ok);
      expect(card.lanes).toBe(pairs);
    }
    for (const pairs of [0, queuePairs + 1, 0x8000, 0xffff]) expect(driver.setPairs(pairs)).toBe(error);
    expect(card.lanes).toBe(queuePairs);
    expect(rules(parts)).toEqual(new Array(4).fill('control-argument'));
  });

  it('is told to whoever wants to know', () => {
    const { driver, card } = runningCard();
    const seen: number[] = [];
    card.onQueuePairs.on((pairs) => seen.push(pairs));
    driver.setPairs(4);
    driver.setPairs(9);
    driver.setPairs(2);
    expect(seen).toEqual([4, 2]);
  });

  it('goes back to one pair with a reset', () => {
    const { driver, card } = runningCard();
    driver.setPairs(4);
    driver.pci.reset();
    expect(card.lanes).toBe(1);
  });
});

describe('VIRTIO_NET_CTRL_MAC_ADDR_SET (5.1.6.5.2)', () => {
  it('changes the address in the configuration before it is answered', () => {
    const { driver, card } = runningCard();
    expect(setMac(driver, [2, 1, 2, 3, 4, 5])).toBe(ok);
    expect(card.mac).toBe('02:01:02:03:04:05');
    expect(Array.from({ length: 6 }, (_, i) => driver.pci.readDevice(i, 1))).toEqual([2, 1, 2, 3, 4, 5]);
  });

  it('lasts until the next reset', () => {
    const { driver, card } = runningCard();
    setMac(driver, [2, 1, 2, 3, 4, 5]);
    driver.pci.reset();
    expect(card.mac).toBe('52:54:00:12:34:56');
  });
});

describe('a command is refused', () => {
  it('of a class or number that is not known', () => {
    const parts = runningCard();
    for (const [kind, command] of [
      [0, 6],
      [1, 2],
      [2, 2],
      [3, 1],
      [4, 3],
      [5, 1],
      [255, 255],
    ]) {
      expect(parts.driver.command(kind, command, [0, 0])).toBe(error);
    }
    expect(rules(parts)).toEqual(new Array(7).fill('control-unknown'));
  });

  it('of a feature that was not negotiated', () => {
    const parts = runningCard({}, { features: feature.version1 | feature.controlQueue });
    expect(parts.driver.setPairs(1)).toBe(error);
    expect(setMac(parts.driver, [2, 1, 2, 3, 4, 5])).toBe(error);
    expect(parts.card.mac).toBe('52:54:00:12:34:56');
    expect(rules(parts)).toEqual(['control-unknown', 'control-unknown']);
  });

  it('with too little or too much data', () => {
    const parts = runningCard();
    for (const data of [[], [1], [1, 0, 0], new Array<number>(100).fill(0)]) {
      expect(parts.driver.command(mqClass, 0, data)).toBe(error);
    }
    for (const data of [[], [2, 1, 2, 3, 4], [2, 1, 2, 3, 4, 5, 6]]) expect(setMac(parts.driver, data)).toBe(error);
    expect(rules(parts)).toEqual(new Array(7).fill('control-argument'));
    expect(parts.card.mac).toBe('52:54:00:12:34:56');
  });

  it('without a whole class and command', () => {
    const parts = runningCard();
    const { driver, machine } = parts;
    for (const bytes of [[], [4]]) {
      const elements = driver.queueBytes(driver.controlQueue, Uint8Array.from(bytes), [], [1])!;
      driver.pci.kick(driver.controlQueue);
      expect(machine.memory.bytes[elements.at(-1)!.address]).toBe(error);
    }
    expect(rules(parts)).toEqual(['control-layout', 'control-layout']);
  });

  it('that is longer than any command could be', () => {
    const parts = runningCard({ memory: 0x200000 });
    expect(parts.driver.command(mqClass, 0, new Array<number>(1 << 20).fill(0))).toBe(error);
    expect(rules(parts)).toEqual(['control-argument']);
  });
});

describe('a command is understood however it is cut', () => {
  const cuts: [what: string, cuts: number[], writable: number[]][] = [
    ['in one piece', [], [1]],
    ['byte by byte', [1, 1, 1], [1]],
    ['with pieces of length 0', [0, 1, 0, 0, 2, 0], [0, 0, 1]],
    ['with more room than the ack needs', [2], [7, 9]],
  ];
  for (const [what, lengths, writable] of cuts) {
    it(what, () => {
      const { driver, card, machine } = runningCard();
      const elements = driver.queueBytes(driver.controlQueue, Uint8Array.from([4, 0, 3, 0]), lengths, writable)!;
      const room = elements.filter((element) => element.writable);
      for (const { address, length } of room) machine.memory.bytes.fill(0xcc, address, address + length);
      driver.pci.kick(driver.controlQueue);
      expect(card.lanes).toBe(3);
      const answer = room.flatMap(({ address, length }) => [...machine.memory.slice(address, length)]);
      expect(answer).toEqual([ok, ...new Array<number>(answer.length - 1).fill(0xcc)]);
      expect(driver.pci.queues[driver.controlQueue].collect()).toMatchObject([{ length: 1 }]);
    });
  }
});

describe('a command queue', () => {
  it('answers many commands with one interrupt', () => {
    const { driver, card, machine } = runningCard();
    for (const pairs of [2, 3, 4]) driver.queueBytes(8, Uint8Array.from([4, 0, pairs, 0]), [2], [1]);
    machine.takeMessages();
    driver.pci.kick(8);
    expect(driver.msix!.fired()).toEqual([9]);
    expect(driver.pci.queues[8].collect().length).toBe(3);
    expect(card.lanes).toBe(4);
  });

  it('without room for the ack makes the device need a reset', () => {
    for (const writable of [[], [0], [0, 0]]) {
      const parts = runningCard();
      const { driver, card } = parts;
      driver.queueBytes(8, Uint8Array.from([4, 0, 2, 0]), [], writable);
      driver.pci.kick(8);
      expect(driver.pci.hasStatus(status.needsReset)).toBe(true);
      expect(parts.faults).toMatchObject([{ needsReset: true, fault: { rule: 'control-layout', queue: 8 } }]);
      expect(card.lanes).toBe(1);
    }
  });

  it('stands behind all pairs with multiqueue, and behind the first without (5.1.2)', () => {
    const features = feature.version1 | feature.controlQueue | feature.controlMac;
    const without = runningCard({ queuePairs: 4 }, { features });
    expect(without.driver.controlQueue).toBe(2);
    expect(setMac(without.driver, [2, 1, 2, 3, 4, 5])).toBe(ok);
    expect(without.driver.msix!.fired()).toEqual([3]);
    const withMultiqueue = runningCard({ queuePairs: 4 });
    expect(withMultiqueue.driver.controlQueue).toBe(8);
    expect(setMac(withMultiqueue.driver, [2, 1, 2, 3, 4, 5])).toBe(ok);
    expect(withMultiqueue.driver.msix!.fired()).toEqual([9]);
  });
});
