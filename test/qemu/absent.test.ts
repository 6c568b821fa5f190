import { expect, it } from 'vitest';

import { qemu } from '../../src/lab/targets/qemu.node.js';
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
