import { announceCommands } from './announce.js';
import { coalescingCommands } from './coalescing.js';
import type { Command } from './command.js';
import { guestOffloadsCommands } from './guestOffloads.js';
import { hashTunnelCommands } from './hashTunnel.js';
import { macAddressCommands } from './macAddress.js';
import { multiqueueCommands } from './multiqueue.js';
import { receiveModeCommands } from './receiveMode.js';
import { statisticsCommands } from './statistics.js';
import { vlanCommands } from './vlan.js';

const key = (group: number, command: number): number => (group << 8) | command;

const classes = [
  receiveModeCommands,
  macAddressCommands,
  vlanCommands,
  announceCommands,
  multiqueueCommands,
  guestOffloadsCommands,
  coalescingCommands,
  hashTunnelCommands,
  statisticsCommands,
];

const table = new Map(classes.flat().map((command) => [key(command.class, command.command), command]));

/** The command of a class, or undefined for one that this card does not know. */
export function findCommand(group: number, command: number): Command | undefined {
  return table.get(key(group, command));
}
