import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { runningCard } from '../support/netDriver.js';
import { commandBit } from '../support/pciDriver.js';

const frame = plainFrame(60);

/** A card whose driver took bus mastering away. */
function newCard() {
  const parts = runningCard({ queuePairs: 1 });
  const { driver } = parts;
  const master = (on: boolean): void => driver.pci.command(commandBit.memory | (on ? commandBit.busMaster : 0));
  return { ...parts, master };
}

describe('a card that is not bus master (PCI 3.0, 6.2.2)', () => {
  it('sends nothing until it is again, and then all', () => {
    const { driver, wire, master } = newCard();
    master(false);
    driver.send(0, frame);
    expect(wire.sent).toEqual([]);
    master(true);
    expect(wire.sent.length).toBe(1);
    expect(driver.completed(0)).toBe(1);
  });

  it('receives nothing until it is again, and loses nothing', () => {
    const { driver, wire, master } = newCard();
    driver.giveBuffers(0, [200], [200]);
    master(false);
    expect(wire.deliver(frame, frame)).toEqual([Sent.full, Sent.full]);
    expect(driver.frames(0)).toEqual([]);
    master(true);
    expect(driver.frames(0).length).toBe(2);
  });

  it('touches nothing of what it holds, whatever happens', () => {
    const { driver, wire, master, machine, clock } = newCard();
    wire.answer = Sent.full;
    driver.send(0, frame);
    master(false);
    const before = machine.memory.bytes.slice();
    wire.giveRoom();
    clock.advance(5000);
    expect(Buffer.compare(machine.memory.bytes, before)).toBe(0);
    expect(wire.sent).toEqual([]);
    master(true);
    expect(driver.completed(0)).toBe(1);
  });

  it('sends no message', () => {
    const { card, machine, master } = newCard();
    master(false);
    card.setLink(false);
    expect(machine.messages).toEqual([]);
  });

  it('still works its registers, and can be reset', () => {
    const { driver, master } = newCard();
    master(false);
    driver.pci.reset();
    expect(driver.pci.get('numQueues')).toBe(3);
  });
});
