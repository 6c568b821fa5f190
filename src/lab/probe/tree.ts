import {
  commonField,
  has,
  netConfigField,
  noVector,
  pciCommand,
  pciStatus,
  structureType,
  type Capability,
  type CommonField,
  type FeatureName,
  type ModernTransport,
  type PciCard,
  type Structure,
} from '../../driver/index.js';
import { hex } from '../hex.js';
import { statusBits } from './negotiation.js';

/** What a card shows of itself: a register, or a group of them. */
export interface TreeNode {
  readonly name: string;
  readonly value?: number | string;
  /** Of a number, in bytes: people see it in hexadecimal digits of that width. */
  readonly width?: 1 | 2 | 3 | 4;
  /** What the value means. */
  readonly means?: string;
  readonly children?: readonly TreeNode[];
}

/** Reads all that a card shows: configuration space, capabilities, and the registers behind its BARs. */
export async function readTree(transport: ModernTransport, offered: bigint): Promise<readonly TreeNode[]> {
  return [
    await header(transport.card),
    { name: 'base address registers', children: await bars(transport.card) },
    { name: 'capabilities', children: await capabilities(transport) },
    { name: 'common configuration', children: await common(transport) },
    { name: 'queues', children: await queues(transport) },
    { name: 'network configuration', children: await netConfig(transport, offered) },
  ];
}

function flags(value: number, names: Readonly<Record<string, number>>): string {
  const set = Object.entries(names).filter(([, bit]) => value & bit);
  return set.map(([name]) => name).join(', ');
}

async function header(card: PciCard): Promise<TreeNode> {
  const ids = await card.ids();
  const transitional = ids.deviceId < 0x1040;
  const command = await card.command();
  const pci = await card.status();
  return {
    name: 'header',
    children: [
      { name: 'vendor', value: ids.vendorId, width: 2 },
      { name: 'device', value: ids.deviceId, width: 2, means: transitional ? 'transitional' : 'modern only' },
      { name: 'revision', value: ids.revision, width: 1 },
      { name: 'class', value: ids.classCode, width: 3 },
      { name: 'subsystem vendor', value: ids.subsystemVendorId, width: 2 },
      { name: 'subsystem', value: ids.subsystemId, width: 2 },
      { name: 'interrupt pin', value: ids.interruptPin, width: 1 },
      { name: 'command', value: command, width: 2, means: flags(command, pciCommand) },
      { name: 'status', value: pci, width: 2, means: flags(pci, pciStatus) },
    ],
  };
}

async function bars(card: PciCard): Promise<TreeNode[]> {
  return (await card.sizeBars()).map(({ index, kind, size, wide, prefetchable }) => {
    const marks = [`${size} bytes`, wide ? '64 bits wide' : '', prefetchable ? 'prefetchable' : ''];
    return { name: `BAR ${index}`, value: `${kind}, ${marks.filter((mark) => mark !== '').join(', ')}` };
  });
}

/** Capabilities of PCI that such a card may have (PCI 3.0, appendix H). */
const capabilityNames: Readonly<Record<number, string>> = {
  0x01: 'power management',
  0x05: 'MSI',
  0x10: 'PCI Express',
  0x11: 'MSI-X',
};

const structureNames = new Map(Object.entries(structureType).map(([name, type]): [number, string] => [type, name]));

async function capabilities({ card, structures, msix }: ModernTransport): Promise<TreeNode[]> {
  return (await card.capabilities()).map((capability): TreeNode => {
    const structure = structures.find(({ at }) => at === capability.offset);
    if (structure) return structureNode(structure);
    const name = `${capabilityNames[capability.id] ?? `id ${capability.id}`}, at ${hex(capability.offset, 1)}`;
    return isMsix(capability) && msix ? { name, value: `${msix.size} vectors` } : { name };
  });
}

function isMsix({ id }: Capability): boolean {
  return capabilityNames[id] === 'MSI-X';
}

function structureNode({ type, bar, offset, length, notifyMultiplier, at }: Structure): TreeNode {
  const kind = structureNames.get(type) ?? `type ${type}`;
  const multiplier = type === structureType.notify ? `, notify_off_multiplier ${notifyMultiplier}` : '';
  return {
    name: `virtio ${kind}, at ${hex(at, 1)}`,
    value: `BAR ${bar}, from ${hex(offset, 2)} on, ${length} bytes${multiplier}`,
  };
}

/** Registers of the common configuration that belong to no queue, by the specification's names. */
const commonNames: readonly (readonly [field: CommonField, name: string])[] = [
  ['configMsixVector', 'config_msix_vector'],
  ['numQueues', 'num_queues'],
  ['deviceStatus', 'device_status'],
  ['configGeneration', 'config_generation'],
];

/** Those of the selected queue, 64-bit ones by their lower half. */
const queueNames: readonly (readonly [field: CommonField, name: string])[] = [
  ['queueSize', 'queue_size'],
  ['queueMsixVector', 'queue_msix_vector'],
  ['queueEnable', 'queue_enable'],
  ['queueNotifyOff', 'queue_notify_off'],
  ['queueDescLow', 'queue_desc'],
  ['queueDriverLow', 'queue_driver'],
  ['queueDeviceLow', 'queue_device'],
  ['queueNotifConfigData', 'queue_notif_config_data'],
  ['queueReset', 'queue_reset'],
];

/** Fields at the structure's end are missing in cards that are older than they are. */
function present(transport: ModernTransport, field: CommonField): boolean {
  const structure = transport.structures.find(({ type }) => type === structureType.common);
  const { offset, width } = commonField[field];
  return structure !== undefined && offset + width <= structure.length;
}

async function register(transport: ModernTransport, field: CommonField, name: string): Promise<TreeNode> {
  const value = await transport.get(field);
  const node = { name, value, width: commonField[field].width };
  const means = meaning(field, value);
  return means === '' ? node : { ...node, means };
}

function meaning(field: CommonField, value: number): string {
  if (field === 'deviceStatus') return statusBits(value).join(', ');
  const isVector = field === 'configMsixVector' || field === 'queueMsixVector';
  return isVector && value === noVector ? 'none' : '';
}

async function common(transport: ModernTransport): Promise<TreeNode[]> {
  const nodes: TreeNode[] = [];
  for (const [field, name] of commonNames) nodes.push(await register(transport, field, name));
  return nodes;
}

async function queues(transport: ModernTransport): Promise<TreeNode[]> {
  const nodes: TreeNode[] = [];
  const count = await transport.queueCount();
  for (let index = 0; index < count; index++) {
    await transport.set('queueSelect', index);
    const children: TreeNode[] = [];
    for (const [field, name] of queueNames) {
      if (present(transport, field)) children.push(await register(transport, field, name));
    }
    nodes.push({ name: `queue ${index}`, children });
  }
  return nodes;
}

/** Fields of struct virtio_net_config, with the features of which one gives them a meaning (virtio 5.1.4). */
const netNames: readonly (readonly [field: keyof typeof netConfigField, name: string, ...by: FeatureName[]])[] = [
  ['status', 'status', 'VIRTIO_NET_F_STATUS'],
  ['maxVirtqueuePairs', 'max_virtqueue_pairs', 'VIRTIO_NET_F_MQ', 'VIRTIO_NET_F_RSS'],
  ['mtu', 'mtu', 'VIRTIO_NET_F_MTU'],
  ['speed', 'speed', 'VIRTIO_NET_F_SPEED_DUPLEX'],
  ['duplex', 'duplex', 'VIRTIO_NET_F_SPEED_DUPLEX'],
  ['rssMaxKeySize', 'rss_max_key_size', 'VIRTIO_NET_F_RSS', 'VIRTIO_NET_F_HASH_REPORT'],
  ['rssMaxIndirectionTableLength', 'rss_max_indirection_table_length', 'VIRTIO_NET_F_RSS'],
  ['supportedHashTypes', 'supported_hash_types', 'VIRTIO_NET_F_RSS', 'VIRTIO_NET_F_HASH_REPORT'],
  ['supportedTunnelTypes', 'supported_tunnel_types', 'VIRTIO_NET_F_HASH_TUNNEL'],
];

async function netConfig(transport: ModernTransport, offered: bigint): Promise<TreeNode[]> {
  const nodes: TreeNode[] = [];
  if (has(offered, 'VIRTIO_NET_F_MAC')) {
    const bytes: string[] = [];
    for (let i = 0; i < 6; i++) bytes.push(hex(await transport.readConfig(i, 1), 1).slice(2));
    nodes.push({ name: 'mac', value: bytes.join(':') });
  }
  for (const [field, name, ...by] of netNames) {
    if (!by.some((feature) => has(offered, feature))) continue;
    const { offset, width } = netConfigField[field];
    nodes.push({ name, value: await transport.readConfig(offset, width), width });
  }
  return nodes;
}
