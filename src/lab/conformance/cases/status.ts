import { addStatus, negotiate, reset, status } from '../../../driver/index.js';
import { choice } from '../bench.js';
import { claim, type Case } from '../case.js';

/** The device status field (virtio 2.1) and the reset (2.4). */
export const statusCases: readonly Case[] = [
  {
    id: 'status-after-reset',
    statements: ['basic-dev-008'],
    section: '2.4.1',
    expects: 'the device status is 0 after a reset',
    async run(bench) {
      const transport = await bench.modern();
      await negotiate(transport, choice({}));
      await addStatus(transport, status.driverOk);
      await reset(transport);
      const after = await transport.readStatus();
      return claim(after === 0, `device status ${after} after the reset of a device that was in use`);
    },
  },
];
