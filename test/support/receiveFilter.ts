import type { NetDriver } from './netDriver.js';

/** Commands of class VIRTIO_NET_CTRL_RX, by number (virtio 5.1.6.5.1). */
export const mode = { promiscuous: 0, allMulticast: 1, allUnicast: 2, noMulticast: 3, noUnicast: 4, noBroadcast: 5 };
export type Mode = keyof typeof mode;

export function setMode(driver: NetDriver, name: Mode, on: boolean | number): number | undefined {
  return driver.command(0, mode[name], [Number(on)]);
}

/** VIRTIO_NET_CTRL_MAC_TABLE_SET (virtio 5.1.6.5.2). */
export function setTables(driver: NetDriver, unicast: string[], multicast: string[]): number | undefined {
  return driver.command(1, 0, [...table(unicast), ...table(multicast)]);
}

/** struct virtio_net_ctrl_mac. */
export function table(macs: readonly string[], entries = macs.length): number[] {
  const count = [entries & 255, (entries >>> 8) & 255, (entries >>> 16) & 255, entries >>> 24];
  return [...count, ...macs.flatMap(macBytes)];
}

/** VIRTIO_NET_CTRL_VLAN_ADD and VIRTIO_NET_CTRL_VLAN_DEL (virtio 5.1.6.5.3). */
export const addVlan = (driver: NetDriver, id: number): number | undefined => vlanCommand(driver, 0, id);
export const removeVlan = (driver: NetDriver, id: number): number | undefined => vlanCommand(driver, 1, id);

function vlanCommand(driver: NetDriver, command: number, id: number): number | undefined {
  return driver.command(2, command, [id & 255, id >>> 8]);
}

export function macBytes(text: string): number[] {
  return text.split(':').map((byte) => parseInt(byte, 16));
}

export interface Addressed {
  readonly to: string;
  readonly vlan?: number | undefined;
  /** The type of the VLAN tag; 802.1Q's when left out. */
  readonly tag?: number;
}

/** A frame to an address, with a VLAN tag or without. */
export function frameTo({ to, vlan, tag = 0x8100 }: Addressed): Uint8Array {
  const tagBytes = vlan === undefined ? [] : [tag >>> 8, tag & 255, vlan >>> 8, vlan & 255];
  return Uint8Array.from([...macBytes(to), 2, 0, 0, 0, 0, 9, ...tagBytes, 0x88, 0xb5, 1, 2, 3, 4]);
}
