import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { checkDriver, type DriverChecker, type StatementId } from '../../src/lab/checker/index.js';
import { attachVirtioNet } from '../../src/hosts/v86/index.js';
import { Guest, machineFiles, v86Module } from '../../src/vm/index.node.js';
import { startNetwork, type Network } from './network.js';

const queuePairs = 4;

/**
 * What Debian's kernel is known to break (docs/linux-driver.md): it goes on sending for a moment on a pair that it has
 * taken out of use.
 */
const known: readonly StatementId[] = ['net-dri-071'];

const folder = '/sys/bus/virtio/drivers/virtio_net';
const flows = 'iperf3 -c 10.0.0.2 -P 4 -t 1 >/dev/null';

/** Violations that nobody knows of, in words. */
const unknown = (checker: DriverChecker): string[] =>
  checker
    .report()
    .violations.filter(({ statement }) => !known.includes(statement))
    .map(({ statement, queue, descriptor, seen }) => `${statement}, queue ${queue}, descriptor ${descriptor}: ${seen}`);

const looks = (checker: DriverChecker, statement: StatementId): number =>
  checker.report().statements.find((count) => count.statement === statement)!.checked;

describe("the driver of Debian's kernel, watched", () => {
  let network: Network;
  const checkers: DriverChecker[] = [];

  beforeAll(async () => {
    network = await startNetwork({
      card: (guest) => ({
        queuePairs,
        // Both layouts of rings.
        features: guest === 1 ? {} : { VIRTIO_F_RING_PACKED: false },
        onAttach: ({ function: card }) => checkers.push(checkDriver(card)),
      }),
    });
  });
  afterAll(() => network.stop());

  it('keeps the statements from its first step on', async () => {
    await network.ok(1, flows);
    for (const checker of checkers) {
      expect(unknown(checker)).toEqual([]);
      for (const statement of [
        'basic-dri-005',
        'basic-dri-017',
        'pci-dri-016',
        'pci-dri-028',
        'net-dri-031',
      ] as const) {
        expect(looks(checker, statement), statement).toBeGreaterThan(0);
      }
    }
    expect(looks(checkers[0], 'packed-dri-003')).toBeGreaterThan(10);
    expect(looks(checkers[1], 'split-dri-020')).toBeGreaterThan(10);
  });

  it('keeps them when its card is set up in other ways', async () => {
    for (const guest of [1, 2]) {
      for (const command of [
        'ethtool -L eth0 combined 4',
        'ethtool -X eth0 equal 2',
        'ethtool -C eth0 rx-usecs 20 rx-frames 4 tx-usecs 20 tx-frames 4',
        'ethtool -G eth0 rx 64 tx 64',
        'ip link set eth0 promisc on && ip link set eth0 promisc off',
      ]) {
        await network.ok(guest, command);
      }
      network.cards[guest - 1].device.setLink(false);
      network.cards[guest - 1].device.setLink(true);
    }
    await network.ok(1, `${flows} & sleep 0.3; ethtool -L eth0 combined 2; ethtool -L eth0 combined 4; wait`);
    for (const checker of checkers) {
      expect(unknown(checker)).toEqual([]);
      expect(looks(checker, 'pci-dri-018')).toBeGreaterThan(0);
      expect(looks(checker, 'net-dri-073')).toBeGreaterThan(0);
    }
  });

  it('keeps them when it is unbound and bound again', async () => {
    await network.ok(
      1,
      `d=$(basename $(readlink -f /sys/class/net/eth0/device)); echo $d >${folder}/unbind && echo $d >${folder}/bind`,
    );
    await network.ok(1, 'sleep 0.3; ifconfig eth0 10.0.0.1 netmask 255.255.255.0 up; sleep 0.3; ping -c 2 10.0.0.2');
    expect(unknown(checkers[0])).toEqual([]);
    expect(looks(checkers[0], 'pci-dri-016')).toBe(2);
  });

  it('keeps them when it goes on from a saved state, and when it is watched from its middle on', async () => {
    const late = checkDriver(network.cards[1].function);
    const state = await network.guests[0].suspend();
    const port = network.fabric.addPort('guest 1, restored');
    const { bios, vgaBios } = await machineFiles({}, {});
    let checker: DriverChecker | undefined;
    const restored = await Guest.create({
      files: { bios, vgaBios },
      wasm: await v86Module(),
      snapshot: state,
      onMachine: (emulator) => {
        const { slot } = network.cards[0];
        checker = checkDriver(attachVirtioNet(emulator, { queuePairs, slot, port }).function);
      },
    });
    try {
      expect((await restored.run(flows)).status).toBe(0);
      for (const each of [checker!, late]) {
        expect(unknown(each)).toEqual([]);
        expect(looks(each, 'net-dri-014')).toBeGreaterThan(10);
      }
    } finally {
      await restored.stop();
    }
  });
});
