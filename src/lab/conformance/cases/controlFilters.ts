import { commands, type NetDriver } from '../../../driver/index.js';
import type { Bench } from '../bench.js';
import { claim, Skipped, type Case } from '../case.js';
import { arriving, broadcast, frameTo, group, macOf, stranger, type Mac } from '../reception.js';

type Mode = keyof typeof commands.rxMode;

const otherGroup: Mac = [0x03, 0, 0, 0, 0, 0x06];

/** Addresses that a frame may be sent to. */
const destinations = { own: macOf, stranger: () => stranger, group: () => group, broadcast: () => broadcast } as const;
type Destination = keyof typeof destinations;

/** One pair, which receives what is for it and no more. */
async function filtering(bench: Bench): Promise<NetDriver> {
  const driver = await bench.start({ pairs: 1 });
  await driver.command(commands.setRxMode('promiscuous', false));
  return driver;
}

function count(arrived: readonly boolean[]): string {
  return `${arrived.filter(Boolean).length} of ${arrived.length}`;
}

/** A mode, and what comes of frames once it is on. */
interface ModeRule {
  readonly id: string;
  readonly statements: readonly string[];
  readonly expects: string;
  readonly extra?: boolean;
  /** Modes that are on before. */
  readonly before?: readonly Mode[];
  /** A group's address and a stranger's are in the table of addresses before. */
  readonly table?: boolean;
  readonly mode: Mode;
  readonly to: readonly Destination[];
  /** Whether such frames get through when the mode is on. If not, they have to do so before. */
  readonly arrive: boolean;
  /** What gets through in any case; the card's own address when left out. */
  readonly always?: Destination;
}

const modeRules: readonly ModeRule[] = [
  {
    id: 'rx-promiscuous',
    statements: ['net-dev-060'],
    expects: 'in promiscuous mode the driver gets every frame',
    mode: 'promiscuous',
    to: ['stranger', 'group', 'broadcast', 'own'],
    arrive: true,
  },
  {
    id: 'rx-promiscuous-over-other-modes',
    statements: ['net-dev-061'],
    expects: 'promiscuous mode lets through what other modes suppress',
    extra: true,
    before: ['noMulticast', 'noUnicast', 'noBroadcast'],
    mode: 'promiscuous',
    to: ['stranger', 'group', 'broadcast'],
    arrive: true,
  },
  {
    id: 'rx-all-multicast',
    statements: ['net-dev-062'],
    expects: 'with all-multicast on, frames to any group get through',
    mode: 'allMulticast',
    to: ['group'],
    arrive: true,
  },
];

const extraModeRules: readonly ModeRule[] = [
  {
    id: 'rx-all-unicast',
    statements: ['net-dev-064'],
    expects: 'with all-unicast on, frames to any single station get through',
    extra: true,
    mode: 'allUnicast',
    to: ['stranger', 'own'],
    arrive: true,
  },
  {
    id: 'rx-no-multicast',
    statements: ['net-dev-065'],
    expects: 'with multicast suppressed, frames to a group in the table do not get through',
    extra: true,
    table: true,
    mode: 'noMulticast',
    to: ['group'],
    arrive: false,
  },
  {
    id: 'rx-no-multicast-over-all-multicast',
    statements: ['net-dev-066'],
    expects: 'suppressed multicast stays suppressed with all-multicast on',
    extra: true,
    before: ['allMulticast'],
    mode: 'noMulticast',
    to: ['group'],
    arrive: false,
  },
  {
    id: 'rx-no-multicast-keeps-broadcast',
    statements: ['net-dev-067'],
    expects: 'with multicast suppressed, broadcasts get through',
    extra: true,
    mode: 'noMulticast',
    to: ['broadcast'],
    arrive: true,
  },
  {
    id: 'rx-no-unicast',
    statements: ['net-dev-068'],
    expects: 'with unicast suppressed, frames to the card and to a station in the table do not get through',
    extra: true,
    table: true,
    mode: 'noUnicast',
    to: ['own', 'stranger'],
    arrive: false,
    always: 'broadcast',
  },
  {
    id: 'rx-no-unicast-over-all-unicast',
    statements: ['net-dev-069'],
    expects: 'suppressed unicast stays suppressed with all-unicast on',
    extra: true,
    before: ['allUnicast'],
    mode: 'noUnicast',
    to: ['own', 'stranger'],
    arrive: false,
    always: 'broadcast',
  },
  {
    id: 'rx-no-broadcast',
    statements: ['net-dev-070'],
    expects: 'with broadcast suppressed, broadcasts do not get through',
    extra: true,
    mode: 'noBroadcast',
    to: ['broadcast'],
    arrive: false,
  },
  {
    id: 'rx-no-broadcast-over-all-multicast',
    statements: ['net-dev-071'],
    expects: 'suppressed broadcast stays suppressed with all-multicast on',
    extra: true,
    before: ['allMulticast'],
    mode: 'noBroadcast',
    to: ['broadcast'],
    arrive: false,
  },
];

function modeCase({ id, statements, expects, extra, ...rule }: ModeRule): Case {
  return {
    id,
    statements,
    section: '5.1.6.5.1',
    expects,
    needs: ['VIRTIO_NET_F_CTRL_RX', ...(extra ? (['VIRTIO_NET_F_CTRL_RX_EXTRA'] as const) : [])],
    async run(bench) {
      const driver = await filtering(bench);
      const frame = (to: Destination): Uint8Array => frameTo(destinations[to](driver));
      const look = (always: Destination): Promise<boolean[]> =>
        arriving(bench, driver, rule.to.map(frame), frame(always));
      for (const mode of rule.before ?? []) await driver.command(commands.setRxMode(mode, true));
      if (rule.table) {
        await driver.command(commands.setMacTable([Uint8Array.from(stranger)], [Uint8Array.from(group)]));
      }
      if (!rule.arrive && (await look(rule.always ?? 'own')).includes(false)) {
        throw new Skipped('the frames that are to be suppressed do not get through before either');
      }
      await driver.command(commands.setRxMode(rule.mode, true));
      const after = await look(rule.always ?? 'own');
      const seen = `${count(after)} frames (${rule.to.join(', ')}) got through with ${rule.mode} on`;
      return claim(!after.includes(!rule.arrive), seen);
    },
  };
}

/** Answers the acks of commands that switch these modes on and off, as OK or not. */
async function acks(driver: NetDriver, modes: readonly Mode[]): Promise<string> {
  const refused: string[] = [];
  for (const mode of modes) {
    for (const on of [true, false, true, false]) {
      const { ack } = await driver.control!.send(commands.setRxMode(mode, on));
      if (ack !== commands.ack.ok) refused.push(`${mode} ${on ? 'on' : 'off'}: ${ack}`);
    }
  }
  return claim(refused.length === 0, refused.join(', ') || `${modes.join(', ')}: on and off answered VIRTIO_NET_OK`);
}

/** Receive modes (virtio 5.1.6.5.1). */
export const receiveModeCases: readonly Case[] = [
  {
    id: 'rx-mode-commands',
    statements: ['net-dev-059'],
    section: '5.1.6.5.1',
    expects: 'the commands for promiscuous mode and all-multicast are carried out',
    needs: ['VIRTIO_NET_F_CTRL_RX'],
    run: async (bench) => acks(await bench.start({ pairs: 1 }), ['promiscuous', 'allMulticast']),
  },
  ...modeRules.map(modeCase),
  {
    id: 'rx-extra-mode-commands',
    statements: ['net-dev-063'],
    section: '5.1.6.5.1',
    expects: 'the commands for all-unicast and for suppressing multicast, unicast and broadcast are carried out',
    needs: ['VIRTIO_NET_F_CTRL_RX', 'VIRTIO_NET_F_CTRL_RX_EXTRA'],
    run: async (bench) =>
      acks(await bench.start({ pairs: 1 }), ['allUnicast', 'noMulticast', 'noUnicast', 'noBroadcast']),
  },
  ...extraModeRules.map(modeCase),
];

/** A second address for the card, of this station alone. */
const otherOwn: Mac = [0x52, 0x54, 0, 0xab, 0xcd, 0xef];

async function readMac(driver: NetDriver): Promise<Mac> {
  const bytes: number[] = [];
  for (let at = 0; at < 6; at++) bytes.push(await driver.transport.readConfig(at, 1));
  return bytes;
}

const format = (mac: Mac): string => mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':');

/** Filtering by address (virtio 5.1.6.5.2). */
export const macFilterCases: readonly Case[] = [
  {
    id: 'mac-table-empty-after-reset',
    statements: ['net-dev-072'],
    section: '5.1.6.5.2',
    expects: 'after a reset, addresses that were in the table are not any more',
    needs: ['VIRTIO_NET_F_CTRL_RX'],
    async run(bench) {
      const probe = async (driver: NetDriver): Promise<string> => {
        const frames = [frameTo(stranger), frameTo(group)];
        return count(await arriving(bench, driver, frames, frameTo(macOf(driver))));
      };
      const first = await filtering(bench);
      await first.command(commands.setMacTable([Uint8Array.from(stranger)], [Uint8Array.from(group)]));
      const before = await probe(first);
      await first.stop();
      const after = await probe(await filtering(bench));
      const seen = `frames to addresses of the table that got through: ${before}; after a reset: ${after}`;
      return claim(before === '2 of 2' && after === '0 of 2', seen);
    },
  },
  {
    id: 'mac-table-set-before-used',
    statements: ['net-dev-073'],
    section: '5.1.6.5.2',
    expects: 'once the command is used, frames get through by the new table: what it has, and not what it had',
    needs: ['VIRTIO_NET_F_CTRL_RX'],
    async run(bench) {
      const driver = await filtering(bench);
      const tables = [
        { unicast: [stranger], multicast: [group], expected: [true, true, false] },
        { unicast: [], multicast: [otherGroup], expected: [false, false, true] },
        { unicast: [stranger], multicast: [], expected: [true, false, false] },
      ];
      const seen: string[] = [];
      let holds = true;
      for (const { unicast, multicast, expected } of tables) {
        const bytes = (macs: readonly Mac[]): Uint8Array[] => macs.map((mac) => Uint8Array.from(mac));
        await driver.command(commands.setMacTable(bytes(unicast), bytes(multicast)));
        const frames = [stranger, group, otherGroup].map((to) => frameTo(to));
        const arrived = await arriving(bench, driver, frames, frameTo(macOf(driver)));
        holds &&= arrived.every((each, at) => each === expected[at]);
        seen.push(`[${[...unicast, ...multicast].map(format).join(' ')}]: ${arrived.map(Number).join('')}`);
      }
      return claim(holds, `frames to a station and two groups that got through, by table: ${seen.join(', ')}`);
    },
  },
  {
    id: 'mac-in-config-before-used',
    statements: ['net-dev-074'],
    section: '5.1.6.5.2',
    expects: 'once the command is used, the configuration has the address that was set',
    needs: ['VIRTIO_NET_F_CTRL_MAC_ADDR', 'VIRTIO_NET_F_MAC'],
    async run(bench) {
      const driver = await bench.start({ pairs: 1 });
      const before = await readMac(driver);
      await driver.command(commands.setMacAddress(Uint8Array.from(otherOwn)));
      const after = await readMac(driver);
      const seen = `mac was ${format(before)}, and is ${format(after)} after ${format(otherOwn)} was set`;
      return claim(format(after) === format(otherOwn), seen);
    },
  },
  {
    id: 'mac-filter-drops-others',
    statements: ['net-dev-075'],
    section: '5.1.6.5.2',
    expects: 'frames to neither the address of the card nor one of the table are dropped',
    needs: ['VIRTIO_NET_F_CTRL_RX'],
    async run(bench) {
      const driver = await filtering(bench);
      await driver.command(commands.setMacTable([Uint8Array.from(stranger)], [Uint8Array.from(group)]));
      const own = macOf(driver);
      const to = async (...macs: readonly Mac[]): Promise<boolean[]> =>
        arriving(
          bench,
          driver,
          macs.map((mac) => frameTo(mac)),
          frameTo(stranger),
        );
      const arrived = await to(own, group, otherOwn, otherGroup);
      const wanted = [true, true, false, false];
      const seen = [`own, table, other station, other group: ${arrived.map(Number).join('')}`];
      if (driver.has('VIRTIO_NET_F_CTRL_MAC_ADDR')) {
        await driver.command(commands.setMacAddress(Uint8Array.from(otherOwn)));
        arrived.push(...(await to(otherOwn, own)));
        wanted.push(true, false);
        seen.push(`address set, address before: ${arrived.slice(4).map(Number).join('')}`);
      }
      return claim(
        wanted.every((each, at) => each === arrived[at]),
        `frames that got through: ${seen.join('; ')}`,
      );
    },
  },
];

/** Ids of VLANs at the edges of words and tables, and within them. */
const vlans = [1, 2, 31, 32, 100, 2047, 4094];
const otherVlans = [3, 33, 101, 2048, 4093];

/** The upper bits of a tag, which say nothing of the VLAN: priority 5. */
const priority = 5 << 13;

/** The VLAN filter (virtio 5.1.6.5.3). */
export const vlanFilterCases: readonly Case[] = [
  {
    id: 'vlan-unfiltered',
    statements: ['net-dev-076'],
    section: '5.1.6.5.3',
    expects: 'without VIRTIO_NET_F_CTRL_VLAN all tagged frames get through',
    async run(bench) {
      const driver = await bench.start({ pairs: 1, except: ['VIRTIO_NET_F_CTRL_VLAN'] });
      if (driver.has('VIRTIO_NET_F_CTRL_RX')) await driver.command(commands.setRxMode('promiscuous', false));
      const frames = [...vlans, ...otherVlans].map((id) => frameTo(macOf(driver), id));
      const arrived = await arriving(bench, driver, frames, frameTo(macOf(driver)));
      return claim(!arrived.includes(false), `${count(arrived)} frames with tags of different VLANs got through`);
    },
  },
  {
    id: 'vlan-in-table',
    statements: ['net-dev-077'],
    section: '5.1.6.5.3',
    expects: 'frames of VLANs that were added get through, whatever their priority',
    needs: ['VIRTIO_NET_F_CTRL_VLAN', 'VIRTIO_NET_F_CTRL_RX'],
    async run(bench) {
      const driver = await filtering(bench);
      for (const id of vlans) await driver.command(commands.addVlan(id));
      const frames = vlans.flatMap((id) => [id, id | priority]).map((tag) => frameTo(macOf(driver), tag));
      const arrived = await arriving(bench, driver, frames, frameTo(macOf(driver)));
      return claim(!arrived.includes(false), `${count(arrived)} frames of ${vlans.length} VLANs in the table`);
    },
  },
  {
    id: 'vlan-not-in-table',
    statements: ['net-dev-077'],
    section: '5.1.6.5.3',
    expects: 'frames of VLANs that were never added, or were deleted, are dropped',
    needs: ['VIRTIO_NET_F_CTRL_VLAN', 'VIRTIO_NET_F_CTRL_RX'],
    async run(bench) {
      const driver = await filtering(bench);
      const [deleted, ...kept] = vlans;
      for (const id of vlans) await driver.command(commands.addVlan(id));
      await driver.command(commands.deleteVlan(deleted));
      const look = async (ids: readonly number[]): Promise<boolean[]> => {
        const frames = ids.map((id) => frameTo(macOf(driver), id));
        return arriving(bench, driver, frames, frameTo(macOf(driver)));
      };
      const inTable = await look(kept);
      const others = await look([deleted, ...otherVlans]);
      const seen = `got through: ${count(inTable)} in the table, ${count(others)} not in it, one of them deleted`;
      return claim(!inTable.includes(false) && !others.includes(true), seen);
    },
  },
];
