import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { attachVirtioNet, type VirtioNetCard } from '../../src/hosts/v86/index.js';
import type { LaneCounters } from '../../src/net/index.js';
import { Guest, machineFiles, v86Module } from '../../src/vm/index.node.js';
import { startNetwork, type Network } from './network.js';

const fileBytes = 4 << 20;
/** How much has passed each way when the guest is saved. */
const middle = fileBytes / 8;
const queuePairs = 2;

const total = (counters: readonly LaneCounters[], what: 'rxBytes' | 'txBytes'): number =>
  counters.reduce((sum, lane) => sum + lane[what], 0);

/** A copy that no longer changes. */
const copy = (counters: readonly LaneCounters[]): LaneCounters[] =>
  JSON.parse(JSON.stringify(counters)) as LaneCounters[];

describe('a guest that is saved in the middle of two TCP transfers', () => {
  let network: Network;
  let restored: Guest | undefined;
  let card: VirtioNetCard;
  let before: LaneCounters[];
  let atRestore: LaneCounters[] | undefined;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs } });
    const make = `head -c ${fileBytes} /dev/urandom >/tmp/out; sha256sum </tmp/out; nc -l -p 5000 </dev/null >/tmp/in 2>/dev/null &`;
    for (const guest of [1, 2]) await network.ok(guest, make);
  });
  afterAll(async () => {
    await restored?.stop();
    await network.stop();
  });

  it('goes on in another emulator, at another port of the switch', async () => {
    const [moving] = network.guests;
    const { device } = network.cards[0];
    const start = copy(device.counters);
    const passed = (what: 'rxBytes' | 'txBytes'): number => total(device.counters, what) - total(start, what);
    for (const guest of [1, 2]) await network.ok(guest, `nc 10.0.0.${3 - guest} 5000 </tmp/out >/dev/null 2>&1 &`);
    while (passed('rxBytes') < middle || passed('txBytes') < middle) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const state = await moving.suspend();
    before = copy(device.counters);
    expect(passed('rxBytes')).toBeLessThan(fileBytes);
    expect(passed('txBytes')).toBeLessThan(fileBytes);

    // What is left of the machine that it came from stays at its port, and the switch would go on sending there.
    const port = network.fabric.addPort('guest 1, restored');
    const { bios, vgaBios } = await machineFiles({}, {});
    restored = await Guest.create({
      files: { bios, vgaBios },
      wasm: await v86Module(),
      snapshot: state,
      onMachine: (emulator) => {
        card = attachVirtioNet(emulator, { queuePairs, slot: network.cards[0].slot, port });
        card.function.onActive.on(() => (atRestore = copy(card.device.counters)));
      },
    });
    expect(card.device.mac).toBe(device.mac);
  });

  it('has the counters that it had', () => {
    expect(atRestore).toEqual(before);
  });

  it('ends the transfers, and both files are whole', async () => {
    const waitForEnd = `until [ $(stat -c %s /tmp/in) = ${fileBytes} ]; do sleep 0.1; done; sha256sum </tmp/in; sha256sum </tmp/out`;
    const [here, there] = await Promise.all([
      restored!.run(waitForEnd, { timeoutMs: 90_000 }),
      network.ok(2, waitForEnd),
    ]);
    const [receivedHere, sentHere] = here.output.trim().split('\n');
    const [receivedThere, sentThere] = there.trim().split('\n');
    expect(sentHere).toMatch(/^[0-9a-f]{64} /);
    expect([receivedHere, receivedThere]).toEqual([sentThere, sentHere]);
    for (const what of ['rxBytes', 'txBytes'] as const) {
      expect(total(card.device.counters, what)).toBeGreaterThan(total(before, what));
      expect(total(card.device.counters, what)).toBeGreaterThan(fileBytes);
    }
  });

  it('is found at its new place, and gets no traffic at the old one', async () => {
    const old = copy(network.cards[0].device.counters);
    expect(await network.ok(2, 'ping -c 5 -i 0.05 10.0.0.1')).toContain(' 0% packet loss');
    expect(network.cards[0].device.counters).toEqual(old);
    const { output } = await restored!.run('ethtool -L eth0 combined 2; ping -c 5 -i 0.05 10.0.0.2');
    expect(output).toContain(' 0% packet loss');
    expect(network.faults).toEqual([]);
  });
});
