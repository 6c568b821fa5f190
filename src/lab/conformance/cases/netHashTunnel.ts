import { commands, netConfigField, type NetDriver } from '../../../driver/index.js';
import type { Bench } from '../bench.js';
import { claim, Skipped, type Case } from '../case.js';
import { packet, pattern, tunnelled } from '../packets.js';
import { toeplitz, verificationKey } from '../toeplitz.js';
import { inbound, startWith } from '../traffic.js';

const section = '5.1.6.4.4.4';
const needs = ['VIRTIO_NET_F_CTRL_VQ', 'VIRTIO_NET_F_HASH_REPORT', 'VIRTIO_NET_F_HASH_TUNNEL'] as const;

/** VIRTIO_NET_HASH_TYPE_UDPv4, and types of tunnels. */
const udp4 = 1 << 2;
const tunnelType = { vxlan: 1 << 4, geneve: 1 << 6 } as const;
type Kind = keyof typeof tunnelType;

const innerPorts = [40001, 40002] as const;
const ethernetBytes = 14;

/** The hash of what is in tunnels (virtio 5.1.6.4.4). */
export const netHashTunnelCases: readonly Case[] = [
  {
    id: 'net-hash-other-tunnel',
    statements: ['net-dev-056'],
    section,
    expects: 'a packet in a tunnel that is not of an enabled type is hashed by its outer header',
    needs,
    async run(bench) {
      const driver = await started(bench);
      await supports(driver, 'vxlan');
      await driver.command(commands.setHashTunnel(tunnelType.vxlan));
      const [enabled, other] = [await hashedBy(bench, driver, 'vxlan'), await hashedBy(bench, driver, 'geneve')];
      return claim(
        enabled === 'inner' && other === 'outer',
        `with VXLAN enabled, VXLAN is hashed by its ${enabled} header, Geneve by its ${other} header`,
      );
    },
  },
  {
    id: 'net-hash-tunnel-unsupported',
    statements: ['net-dev-057'],
    section,
    expects: 'types of tunnels that are not in supported_tunnel_types are answered VIRTIO_NET_ERR',
    needs,
    async run(bench) {
      const driver = await started(bench);
      const supported = await supportedTypes(driver);
      const unsupported = [...Array(32).keys()].filter((bit) => ((supported >>> bit) & 1) === 0);
      if (unsupported.length === 0) throw new Skipped('the card supports types of every bit');
      const answer = async (types: number): Promise<number> =>
        (await driver.control!.send(commands.setHashTunnel(types >>> 0))).ack;
      const taken = await answer(supported);
      const answers: number[] = [];
      for (const bit of unsupported) answers.push(await answer(1 << bit), await answer(supported | (1 << bit)));
      return claim(
        taken === commands.ack.ok && answers.every((ack) => ack === commands.ack.error),
        `supported_tunnel_types 0x${supported.toString(16)} is answered ${taken}, bits ${unsupported[0]} and others that are not in it ${[...new Set(answers)].join(', ')}`,
      );
    },
  },
  {
    id: 'net-hash-tunnel-disabled',
    statements: ['net-dev-058'],
    section,
    expects:
      'without types of tunnels, after the command with 0 or a reset, all packets are hashed by their outer header',
    needs,
    async run(bench) {
      const driver = await started(bench);
      await supports(driver, 'vxlan');
      const kinds = Object.keys(tunnelType) as Kind[];
      const all = async (of: NetDriver): Promise<string[]> => {
        const seen: string[] = [];
        for (const kind of kinds) seen.push(await hashedBy(bench, of, kind));
        return seen;
      };
      const supported = await supportedTypes(driver);
      await driver.command(commands.setHashTunnel(supported));
      const enabled = await all(driver);
      await driver.command(commands.setHashTunnel(0));
      const disabled = await all(driver);
      await driver.command(commands.setHashTunnel(supported));
      const again = await started(bench);
      const afterReset = await all(again);
      return claim(
        enabled[0] === 'inner' && [...disabled, ...afterReset].every((by) => by === 'outer'),
        `VXLAN and Geneve are hashed, enabled: ${enabled.join(', ')}; after 0: ${disabled.join(', ')}; after a reset: ${afterReset.join(', ')}`,
      );
    },
  },
];

/** A driver that has UDP over IPv4 hashed, and each hash reported. */
async function started(bench: Bench): Promise<NetDriver> {
  const driver = await startWith(bench, needs);
  await driver.command(commands.setHash(udp4, verificationKey));
  return driver;
}

function supportedTypes(driver: NetDriver): Promise<number> {
  const { offset, width } = netConfigField.supportedTunnelTypes;
  return driver.transport.readConfig(offset, width);
}

async function supports(driver: NetDriver, kind: Kind): Promise<void> {
  if ((await supportedTypes(driver)) & tunnelType[kind]) return;
  throw new Skipped('the card does not look into this kind of tunnel');
}

/** By which header a packet in a tunnel is hashed: over its addresses and ports (5.1.6.4.3). */
async function hashedBy(bench: Bench, driver: NetDriver, kind: Kind): Promise<string> {
  const between = inbound(driver);
  const inner = packet({ ...between, payload: pattern(64), ports: innerPorts });
  const { bytes, networkStart } = tunnelled(inner, between, kind);
  await bench.wire.send(bytes);
  const [{ header }] = await driver.packets(1);
  // UDP's ports follow the addresses of an IPv4 header without options.
  const hashAt = (network: number): number => toeplitz(verificationKey, bytes.subarray(network + 12, network + 24));
  if (header.hashValue === hashAt(networkStart)) return 'inner';
  return header.hashValue === hashAt(ethernetBytes) ? 'outer' : 'neither';
}
