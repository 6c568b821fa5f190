import { coalescingCommands } from './coalescing.js';
import type { Command } from './command.js';
import { guestOffloadsCommands } from './guestOffloads.js';
import { macAddressCommands } from './macAddress.js';
import { multiqueueCommands } from './multiqueue.js';

const key = (group: number, command: number): number => (group << 8) | command;

const commands = [...macAddressCommands, ...multiqueueCommands, ...guestOffloadsCommands, ...coalescingCommands];
const table = new Map(commands.map((c) => [key(c.class, c.command), c]));

/** The command of a class, or undefined for one that this card does not know. */
export function findCommand(group: number, command: number): Command | undefined {
  return table.get(key(group, command));
}
