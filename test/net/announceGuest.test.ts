import { expect, it } from 'vitest';
import { Switch } from '../../src/fabric/index.js';
import type { Sent } from '../../src/net/index.js';
import { announceGuest, connect, NetDevice } from '../../src/net/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { plainFrame } from '../support/frames.js';
import { newCard, runningCard } from '../support/netDriver.js';
import { frameOf, TestWire } from '../support/wire.js';

const mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

it('sends a reverse ARP request with the address of the card to everybody', () => {
  const { card, wire } = runningCard();
  expect(announceGuest(card)).toBe(true);
  const [{ bytes }] = wire.sent;
  const everybody = new Array<number>(6).fill(0xff);
  const arp = [0, 1, 0x08, 0x00, 6, 4, 0, 3, ...mac, 0, 0, 0, 0, ...mac, 0, 0, 0, 0];
  expect(Array.from(bytes)).toEqual([...everybody, ...mac, 0x80, 0x35, ...arp, ...new Array<number>(18).fill(0)]);
  expect([wire.sent.length, wire.flushes > 0]).toEqual([1, true]);
});

it('does so with the address that the driver set', () => {
  const { card, driver, wire } = runningCard();
  driver.command(1, 1, [2, 0, 0, 0, 0, 9]);
  announceGuest(card);
  expect(Array.from(wire.sent.at(-1)!.bytes.subarray(6, 12))).toEqual([2, 0, 0, 0, 0, 9]);
});

it('says nothing of a guest that is not there', () => {
  const idle = newCard();
  expect(announceGuest(idle.card)).toBe(false);
  const { card, wire } = runningCard();
  card.setLink(false);
  expect(announceGuest(card)).toBe(false);
  expect([idle.wire.sent, wire.sent]).toEqual([[], []]);
  expect(announceGuest(new NetDevice(new ManualClock(), { mac: '52:54:00:00:00:01' }))).toBe(false);
});

it('has a switch find the guest at its new port', () => {
  const fabric = new Switch({ clock: new ManualClock() });
  const { card } = runningCard();
  const [oldPort, newPort, other] = ['old', 'new', 'other'].map((name) => fabric.addPort(name));
  // What is left of the machine that the guest came from still takes frames.
  const left = new TestWire(oldPort);
  connect(oldPort, left);
  connect(card, newPort);
  connect(new TestWire(other), other);
  const fromGuest = Uint8Array.from([...new Array<number>(6).fill(0xff), ...mac, ...plainFrame(60).subarray(12)]);
  left.deliver(fromGuest);
  const toGuest = Uint8Array.from([...mac, ...plainFrame(60).subarray(6)]);
  const dropped = (): number => Object.values(card.counters[0].dropped).reduce((sum, count) => sum + count, 0);
  const before = [left.sent.length, card.counters[0].rxFrames + dropped()];
  const send = (): Sent => other.send(frameOf(toGuest), 0);
  send();
  expect(left.sent.length).toBe(before[0] + 1);
  expect(announceGuest(card)).toBe(true);
  const announced = left.sent.length;
  send();
  expect(left.sent.length).toBe(announced);
});
