import { commands, netConfigField, netStatus, until, type NetDriver } from '../../../driver/index.js';
import { claim, type Case } from '../case.js';

async function isAskedToAnnounce({ transport }: NetDriver): Promise<boolean> {
  const { offset, width } = netConfigField.status;
  return ((await transport.readConfig(offset, width)) & netStatus.announce) !== 0;
}

/** Gratuitous packets (virtio 5.1.6.5.4). */
export const announceCases: readonly Case[] = [
  {
    id: 'announce-acknowledged',
    statements: ['net-dev-078'],
    section: '5.1.6.5.4',
    expects: 'once the acknowledgement is used, VIRTIO_NET_S_ANNOUNCE is clear',
    needs: ['VIRTIO_NET_F_GUEST_ANNOUNCE', 'VIRTIO_NET_F_STATUS'],
    async run(bench) {
      const announce = bench.ability('announce');
      const driver = await bench.start({ pairs: 1 });
      const seen: boolean[] = [];
      // Twice, so that a bit which is set for good, or only once, is seen.
      for (let round = 0; round < 2; round++) {
        await announce();
        const asked = async (): Promise<true | undefined> => ((await isAskedToAnnounce(driver)) ? true : undefined);
        await until(bench.machine, 'VIRTIO_NET_S_ANNOUNCE', asked);
        await driver.command(commands.acknowledgeAnnounce());
        seen.push(await isAskedToAnnounce(driver));
      }
      const after = seen.map((set) => (set ? 'set' : 'clear')).join(' and ');
      return claim(!seen.includes(true), `VIRTIO_NET_S_ANNOUNCE set twice, and ${after} behind the acknowledgements`);
    },
  },
];
