import { announceGuest, NetDevice, type NetDeviceOptions } from '../../net/index.js';
import { formatMac } from '../../net/link/mac.js';
import { connect, disconnect, type Port } from '../../net/link/port.js';
import type { PciFunction } from '../../pci/function.js';
import { VirtioPciFunction } from '../../pci/index.js';
import { Signal } from '../../virtio/signal.js';
import { systemClock } from './clock.js';
import { UnplugError } from './errors.js';
import { pciBusOf, type PlugOptions, type UnplugOptions } from './pciBus.js';
import type { V86 } from './v86.js';

export interface VirtioNetOptions extends Omit<NetDeviceOptions, 'mac'>, PlugOptions {
  /** The card's permanent address, like 52:54:00:12:34:56; when left out one by chance that begins with 52:54:00. */
  readonly mac?: string;
  /**
   * MSI-X vectors, 0 to 2048; when left out one for each queue and one for the configuration. With fewer Linux shares one
   * among all queues, and with 0 or 1 it uses the interrupt line.
   */
  readonly vectors?: number;
  /** What the card is connected to. */
  readonly port?: Port;
}

/** A card in an emulator. */
export interface VirtioNetCard {
  /** The network device: a port of the fabric, with counters. */
  readonly device: NetDevice;
  /** Its PCI side: negotiation, interrupt vectors, and events for what the driver does wrong. */
  readonly function: VirtioPciFunction;
  readonly slot: number;
  /** The card is not in its slot any more, and parted from its port: `unplug` was called, or the guest ejected it. */
  readonly onUnplugged: Signal<void>;
  /**
   * Has the guest give the card up, by ACPI's hot plug, and answers when it has; at once if the guest has not run yet.
   * @throws UnplugError when it is unplugged already, or the guest doesn't; then the card stays
   */
  unplug(options?: UnplugOptions): Promise<void>;
}

/**
 * Plugs a multiqueue virtio network card into an emulator, from its `emulator-ready` event on: before the guest's first
 * run the firmware finds it, later the guest is told by ACPI's hot plug.
 *
 * v86's `save_state` keeps the card, and `restore_state` gives it back to a card in the same slot, with the same name and
 * options, in this or another emulator: attach that before. The card then tells the network where its guest is now.
 *
 * MSI-X, and with it an interrupt for each queue, needs an emulator made with `acpi: true`, as that is what gives v86 an
 * APIC. Without it the card works through its one interrupt line.
 *
 * @throws AttachError when the emulator is not ready or not the v86 that this plug-in knows, or the slot is taken
 * @throws RangeError for an option out of its range
 */
export function attachVirtioNet(emulator: V86, options: VirtioNetOptions = {}): VirtioNetCard {
  const { slot: wanted, port, vectors, mac = randomMac(), ...deviceOptions } = options;
  const device = new NetDevice(systemClock, { ...deviceOptions, mac });
  const virtioFunction = new VirtioPciFunction(device, { name: device.name, vectors });
  const bus = pciBusOf(emulator);
  const slot = bus.plug(virtioFunction, { slot: wanted });
  if (port) connect(device, port);
  const onUnplugged = new Signal<void>();
  const stopAnnouncing = bus.onRestored.on((restored) => {
    if (restored === virtioFunction) announceGuest(device);
  });
  const stopListening = bus.onUnplugged.on((gone) => {
    if (gone !== virtioFunction) return;
    stopListening();
    stopAnnouncing();
    if (device.connectedTo) disconnect(device, device.connectedTo);
    onUnplugged.emit();
  });
  const unplug = async (unplugOptions?: UnplugOptions): Promise<void> => {
    if (bus.at(slot) !== virtioFunction) throw new UnplugError(`The card is not in PCI slot ${slot} any more.`);
    await bus.unplug(slot, unplugOptions);
  };
  return { device, function: virtioFunction, slot, onUnplugged, unplug };
}

/**
 * Plugs any PCI function into an emulator, as `attachVirtioNet` does a network card.
 * @throws AttachError also when a BAR can't be decoded by v86
 */
export function attachPciFunction(
  emulator: V86,
  fn: PciFunction,
  options: PlugOptions = {},
): { readonly slot: number } {
  return { slot: pciBusOf(emulator).plug(fn, options) };
}

/** Locally administered, with the first half that QEMU gives its cards. */
function randomMac(): string {
  return formatMac([0x52, 0x54, 0x00, ...crypto.getRandomValues(new Uint8Array(3))]);
}
