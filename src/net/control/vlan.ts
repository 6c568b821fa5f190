import { VIRTIO_NET_F_CTRL_VLAN } from '../features.js';
import type { Command } from './command.js';

const vlan = { class: 2, feature: VIRTIO_NET_F_CTRL_VLAN, length: 2 };
const vlanId = (data: Uint8Array): number => data[0] | (data[1] << 8);

/** VIRTIO_NET_CTRL_VLAN (virtio 5.1.6.5.3). */
export const vlanCommands: readonly Command[] = [
  {
    ...vlan,
    name: 'VIRTIO_NET_CTRL_VLAN_ADD',
    command: 0,
    run: (data, { filter }) => filter.addVlan(vlanId(data)),
  },
  {
    ...vlan,
    name: 'VIRTIO_NET_CTRL_VLAN_DEL',
    command: 1,
    run: (data, { filter }) => filter.removeVlan(vlanId(data)),
  },
];
