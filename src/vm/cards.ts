import type { V86 } from 'v86';

import type { Fabric, Port } from '../fabric/index.js';
import { attachVirtioNet, type VirtioNetCard, type VirtioNetOptions } from '../hosts/v86/attach.js';
import { cardReport, type CardReport } from './cardReport.js';
import { UserError } from './errors.js';
import type { Guest, RunningGuest } from './guest.js';
import { watchCard } from './problems.js';

export interface CardOptions extends VirtioNetOptions {
  /** Address of the interface and length of the prefix, IPv4 or IPv6: 10.0.0.1/24. Without one the interface is up all the same. */
  readonly address?: string;
  /** Called when the card is plugged in, before the guest's driver finds it: the time to listen to its events. */
  readonly onAttach?: (card: VirtioNetCard) => void;
  /** Gives up; the card stays. */
  readonly signal?: AbortSignal;
}

/** A card in a guest that has an interface for it. */
export interface GuestCard extends VirtioNetCard {
  /** What the guest calls its interface: eth0. */
  readonly interfaceName: string;
  /** As it was asked for. */
  readonly address?: string | undefined;
  report(): Promise<CardReport>;
}

const ipv4Pattern = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/;
const ipv6Pattern = /^[0-9a-f:.]*:[0-9a-f:.]*\/\d{1,3}$/i;

/** How long the guest has to find the card, in milliseconds. */
const bringUpMs = 60_000;

/**
 * Attaches a card to a port that is its alone: the port goes when the card does, or when there can't be such a card.
 * @param fabric whose port it is
 * @throws as attachVirtioNet does
 */
export function attachToPort(
  emulator: V86,
  options: Omit<VirtioNetOptions, 'port'>,
  port: Port,
  fabric: Pick<Fabric, 'removePort'>,
): VirtioNetCard {
  try {
    const card = attachVirtioNet(emulator, { ...options, port });
    card.onUnplugged.on(() => fabric.removePort(port));
    return card;
  } catch (error) {
    fabric.removePort(port);
    throw error;
  }
}

/**
 * Plugs a card into a guest and has the guest set up an interface for it.
 * @throws UserError for an address that is none, and when the guest has no driver for the card or does not take the address
 * @throws AttachError or RangeError for other options, see attachVirtioNet
 */
export async function plugCard(guest: Guest, options: CardOptions): Promise<GuestCard> {
  const { address, onAttach, signal, ...cardOptions } = options;
  const up = bringUp(guest, address, signal);
  const card = attachVirtioNet(guest.emulator, cardOptions);
  onAttach?.(card);
  watchCard(card, (problem) => guest.onProblem.emit(problem));
  return { ...card, interfaceName: await up(card.slot), address, report: () => Promise.resolve(cardReport(card)) };
}

/**
 * Answers what has the guest set up an interface for the card in a slot, with this address, and tells the interface's name;
 * it throws UserError when the guest does not.
 * @throws UserError for an address that is none
 */
export function bringUp(
  guest: RunningGuest,
  address: string | undefined,
  signal?: AbortSignal,
): (slot: number) => Promise<string> {
  const change = address === undefined ? '' : addressChange(address);
  return async (slot) => {
    const { status, output } = await guest.run(bringUpCommand(slot, change), { timeoutMs: bringUpMs, signal });
    if (status === 0) return output.trim();
    const reason = output.trim() || 'its kernel needs the modules virtio_pci and virtio_net';
    throw new UserError(`The guest made no interface of the card in slot ${slot}: ${reason}.`);
  };
}

/** An address as ifconfig takes it. */
function addressChange(address: string): string {
  if (ipv6Pattern.test(address)) return `add ${address}`;
  const [, host, prefix] = ipv4Pattern.exec(address) ?? [];
  const length = Number(prefix);
  if (host === undefined || length > 32 || host.split('.').some((part) => Number(part) > 255)) {
    throw new UserError(`${JSON.stringify(address)} is no address of an interface; it would be like 10.0.0.1/24.`);
  }
  const mask = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
  return `${host} netmask ${[24, 16, 8, 0].map((shift) => (mask >>> shift) & 0xff).join('.')}`;
}

/**
 * A shell command that has the guest look for new cards (it is told of them by ACPI too, but that takes longer), waits for
 * the one in this slot, sets its interface up, waits until it is, and prints its name.
 * It starts as few programs as it can: each costs a guest that was just restored some hundredths of a second.
 */
function bringUpCommand(slot: number, change: string): string {
  const folder = `/sys/bus/pci/devices/0000:00:${slot.toString(16).padStart(2, '0')}.0`;
  return `
echo 1 >/sys/bus/pci/rescan
tries=0
until set -- ${folder}/virtio*/net/* && [ -e "$1" ]; do
  tries=$((tries + 1))
  [ $tries = 1 ] && modprobe -a virtio_pci virtio_net 2>/dev/null
  [ $tries -le 200 ] || exit 1
  sleep 0.05
done
ifconfig \${1##*/} ${change} up || exit
until read state <$1/operstate && [ "$state" != down ]; do
  tries=$((tries + 1))
  [ $tries -le 400 ] || exit 1
  sleep 0.05
done
echo \${1##*/}`;
}
