import { expect, it } from 'vitest';

import { qemu } from '../../src/lab/targets/qemu.node.js';
import { until } from '../../src/driver/index.js';
import { writePciConfig } from '../../src/driver/pciConfig.js';
import { TargetEnded } from '../../src/lab/targets/target.js';
import { UserError } from '../../src/vm/errors.js';

it('says how to get a QEMU that is not there', async () => {
  const absent = { program: 'qemu-system-nowhere' };
  const sentence = new UserError(
    'There is no qemu-system-nowhere here: install it with "apt-get install qemu-system-x86".',
  );
  await expect(qemu(absent)).rejects.toEqual(sentence);
});

it('says what QEMU does not know', async () => {
  await expect(qemu({ properties: { wings: 2 } })).rejects.toThrow(/ended with status 1: .*wings/);
});

it('says so when QEMU ends while it is driven', async () => {
  const target = await qemu();
  const { machine } = target;
  // The power management of the PIIX4: its ports, switched on, and then soft off.
  const power = { bus: 0, slot: 1, function: 3 };
  await writePciConfig(machine, power, 0x40, 4, 0x601);
  await writePciConfig(machine, power, 0x80, 1, 1);
  await machine.writePort(0x604, 2, 0x2000);
  await expect(until(machine, 'end', () => machine.readPort(0x80, 1).then(() => undefined))).rejects.toThrow(
    new TargetEnded('qemu-system-x86_64 ended with status 0'),
  );
  await expect(machine.readPort(0x80, 1)).rejects.toThrow(TargetEnded);
  await target.close();
});
