import { describe, expect, it } from 'vitest';
import { Sent } from '../../src/net/link/port.js';
import { plainFrame } from '../support/frames.js';
import { newCard, NetDriver, runningCard, type CardOptions } from '../support/netDriver.js';

const copy = (state: unknown): unknown => JSON.parse(JSON.stringify(state));
const options: CardOptions = { queuePairs: 2, transitional: true };
/** The ISR status, which a read clears. */
const isr = 19;
const frames = Array.from({ length: 6 }, (_, i) => plainFrame(60 + i));

describe('a card with a legacy driver', () => {
  it.each([false, true])('goes on in another machine from the middle of its traffic (INTx: %s)', (intx) => {
    const { pci, driver, machine, wire } = runningCard(options, { legacy: true, intx });
    driver.setPairs(2);
    for (const pair of [0, 1]) driver.giveBuffers(pair, [200], [200]);
    driver.send(1, frames[0]);
    wire.deliver(frames[1]);
    // One packet finds no room and is held; another one is made available, but nobody is told.
    wire.answer = Sent.full;
    driver.send(1, frames[2]);
    driver.queuePacket(0, frames[3]);
    const state = copy(pci.save());
    const ports = Array.from({ length: 64 }, (_, offset) => (offset === isr ? 0 : pci.bars[0]!.read(offset, 1)));
    const { asserted } = machine;

    const other = newCard(options);
    machine.insert(other.pci);
    other.pci.restore(state);
    expect(machine.asserted).toBe(asserted);
    expect(other.pci.negotiation.usesLegacy).toBe(true);
    expect(other.card.lanes).toBe(2);
    for (const [offset, value] of ports.entries()) {
      if (offset !== isr) expect(other.pci.bars[0]!.read(offset, 1), `port ${offset}`).toBe(value);
    }
    expect(other.wire.sent.map(({ bytes }) => bytes)).toEqual([frames[3], frames[2]]);
    other.wire.deliver(frames[4]);
    // It comes to the pair on which its flow was sent last.
    expect([driver.frames(0), driver.frames(1)]).toEqual([[frames[4]], [frames[1]]]);
    expect([driver.completed(0), driver.completed(1)]).toEqual([1, 2]);
    expect(driver.setPairs(1)).toBe(0);
  });

  it('is refused the state of a card without a legacy interface, and the other way round', () => {
    const [modern, transitional] = [newCard({ queuePairs: 2 }), newCard(options)];
    for (const [pci, state, has] of [
      [modern.pci, transitional.pci.save(), 'with'],
      [transitional.pci, modern.pci.save(), 'without'],
    ] as const) {
      const before = copy(pci.save());
      expect(() => pci.restore(copy(state))).toThrow(
        new RangeError(`the saved state is that of a device ${has} a legacy interface`),
      );
      expect(copy(pci.save())).toEqual(before);
    }
  });

  it('goes on when it used the card before DRIVER_OK', () => {
    const { pci, machine, wire } = newCard(options);
    const driver = new NetDriver(machine, { legacy: true, early: true });
    driver.send(0, frames[0]);
    pci.restore(copy(pci.save()));
    driver.send(0, frames[1]);
    expect(wire.sent.map(({ bytes }) => bytes)).toEqual([frames[0], frames[1]]);
    driver.pci.driverOk();
    driver.send(0, frames[2]);
    expect(wire.sent.length).toBe(3);
  });
});
