import { VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_RX } from '../features.js';
import { isGroup, macBytes } from '../link/mac.js';
import type { Command } from './command.js';

/** VIRTIO_NET_CTRL_MAC (virtio 5.1.6.5.2). */
export const macAddressCommands: readonly Command[] = [
  {
    name: 'VIRTIO_NET_CTRL_MAC_TABLE_SET',
    class: 1,
    command: 0,
    feature: VIRTIO_NET_F_CTRL_RX,
    run: (data, { filter }) => {
      const tables = macTables(data);
      if (!tables) return false;
      filter.unicast.set(tables.unicast);
      filter.multicast.set(tables.multicast);
      return true;
    },
  },
  {
    name: 'VIRTIO_NET_CTRL_MAC_ADDR_SET',
    class: 1,
    command: 1,
    feature: VIRTIO_NET_F_CTRL_MAC_ADDR,
    length: macBytes,
    run: (data, card) => card.setMac(data),
  },
];

/** The number of entries before a table. */
const countBytes = 4;

/** Two tables of struct virtio_net_ctrl_mac, or undefined where that is not exactly what the bytes are. */
function macTables(data: Uint8Array): { unicast: Uint8Array; multicast: Uint8Array } | undefined {
  const unicast = firstTable(data, false);
  if (!unicast) return undefined;
  const rest = data.subarray(countBytes + unicast.length);
  const multicast = firstTable(rest, true);
  return multicast && countBytes + multicast.length === rest.length ? { unicast, multicast } : undefined;
}

/** The addresses of the first table, or undefined where it is cut off or has addresses of the other kind. */
function firstTable(data: Uint8Array, group: boolean): Uint8Array | undefined {
  if (data.length < countBytes) return undefined;
  const entries = (data[0] | (data[1] << 8) | (data[2] << 16) | (data[3] << 24)) >>> 0;
  const end = countBytes + entries * macBytes;
  if (end > data.length) return undefined;
  for (let at = countBytes; at < end; at += macBytes) if (isGroup(data, at) !== group) return undefined;
  return data.subarray(countBytes, end);
}
