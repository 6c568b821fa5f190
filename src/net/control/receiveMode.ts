import { VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_RX_EXTRA } from '../features.js';
import type { ReceiveModes } from '../filter.js';
import type { Command } from './command.js';

/** In the order of the commands' numbers. */
const modes = [
  { name: 'VIRTIO_NET_CTRL_RX_PROMISC', mode: 'promiscuous', feature: VIRTIO_NET_F_CTRL_RX },
  { name: 'VIRTIO_NET_CTRL_RX_ALLMULTI', mode: 'allMulticast', feature: VIRTIO_NET_F_CTRL_RX },
  { name: 'VIRTIO_NET_CTRL_RX_ALLUNI', mode: 'allUnicast', feature: VIRTIO_NET_F_CTRL_RX_EXTRA },
  { name: 'VIRTIO_NET_CTRL_RX_NOMULTI', mode: 'noMulticast', feature: VIRTIO_NET_F_CTRL_RX_EXTRA },
  { name: 'VIRTIO_NET_CTRL_RX_NOUNI', mode: 'noUnicast', feature: VIRTIO_NET_F_CTRL_RX_EXTRA },
  { name: 'VIRTIO_NET_CTRL_RX_NOBCAST', mode: 'noBroadcast', feature: VIRTIO_NET_F_CTRL_RX_EXTRA },
] as const satisfies readonly { mode: keyof ReceiveModes; [key: string]: unknown }[];

/** VIRTIO_NET_CTRL_RX (virtio 5.1.6.5.1): one byte, 0 or 1. */
export const receiveModeCommands: readonly Command[] = modes.map(({ name, mode, feature }, command) => ({
  name,
  class: 0,
  command,
  feature,
  length: 1,
  run: ([on], { filter }) => {
    if (on > 1) return false;
    filter.modes[mode] = on === 1;
    return true;
  },
}));
