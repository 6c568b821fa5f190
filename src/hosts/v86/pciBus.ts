import type { BarSpace, PciFunction, PciHost, RegisterSpace } from '../../pci/function.js';
import { Signal } from '../../virtio/signal.js';
import { serveConfigPorts } from './configPorts.js';
import { AttachError, UnplugError } from './errors.js';
import { Execution, type Companion } from './execution.js';
import { guarded } from './guard.js';
import { HotPlug } from './hotplug.js';
import { MessageInterrupts } from './interrupts.js';
import { InterruptLines } from './lines.js';
import { V86Memory } from './memory.js';
import { blockBytes } from './mmio.js';
import { keepThroughReset, keepThroughSavedState, type KeptFunction } from './savedState.js';
import { machineOf, type V86, type V86Machine } from './v86.js';
import { Windows } from './windows.js';

/** Something went wrong behind a card, or the guest put it where it can't be. The guest goes on. */
export interface PciBusError {
  /** The card's slot; undefined when it is the emulator that failed, as it entered an interrupt handler. */
  readonly slot?: number;
  readonly error: Error;
}

export interface PlugOptions {
  /** Slot on bus 0, from 1 to 31; the first free one from 2 on when left out. */
  readonly slot?: number;
}

export interface UnplugOptions {
  /** How long the guest may take to give the card up, in milliseconds; 30,000 when left out. */
  readonly timeoutMs?: number | undefined;
}

/** Configuration space up to the interrupt pin, in words of 32 bits. */
const headerWords = 16;
const slots = 32;
/**
 * In which order free slots are taken. Slots 0 and 1 are the bridges'. Slot 2 comes last: the firmware's ACPI tables have
 * it for the screen, and a guest can't eject what it is not told to be ejectable.
 */
const slotOrder = [...Array.from({ length: slots - 3 }, (_, i) => 3 + i), 2];

const buses = new WeakMap<V86, PciBus>();

/**
 * The PCI bus of an emulator, for cards that are not v86's. Made at the first call, from `emulator-ready` on. With
 * `acpi: true` it has the hot-plug controller that makes Linux keep its PCI devices, and which firmware asks at power-on
 * for the slots whose cards may come and go: so call this before the guest's first run, even if the cards come later.
 * @throws AttachError when it is not v86, not the v86 that this plug-in knows, or not ready yet
 */
export function pciBusOf(emulator: V86): PciBus {
  let bus = buses.get(emulator);
  if (!bus) {
    bus = new PciBus(machineOf(emulator));
    buses.set(emulator, bus);
  }
  return bus;
}

export class PciBus {
  readonly onError = new Signal<PciBusError>();
  /** A function is not in its slot any more: the host asked the guest to give it up, or the guest did so by itself. */
  readonly onUnplugged = new Signal<PciFunction>();
  /** A function took up what a saved state holds of it; all others did too by then. */
  readonly onRestored = new Signal<PciFunction>();
  private readonly machine: V86Machine;
  private readonly execution: Execution;
  private readonly memory: V86Memory;
  private readonly interrupts: MessageInterrupts;
  private readonly lines: InterruptLines;
  private readonly windows: Windows;
  /** By slot * 8. */
  private readonly configs = new Map<number, RegisterSpace>();
  private readonly plugged: KeptFunction[] = [];
  /** Undefined without ACPI. */
  private readonly hotPlug: HotPlug | undefined;

  /** For `pciBusOf`: two buses in one machine would take each other's place. */
  constructor(machine: V86Machine) {
    const { cpu } = machine;
    const { pci, acpi } = cpu.devices;
    const execution = new Execution(machine, (error) => this.report(error));
    this.machine = machine;
    this.execution = execution;
    this.memory = new V86Memory(cpu);
    this.interrupts = new MessageInterrupts(cpu, this.memory, execution);
    this.lines = new InterruptLines(pci, execution);
    this.windows = new Windows(cpu);
    serveConfigPorts(cpu.io, pci, (devfn) => this.configs.get(devfn));
    const slotSets = {
      cards: () => bits(this.plugged.map(({ slot }) => slot)),
      fixed: () =>
        bits(pci.devices.flatMap((device, devfn) => (device && !this.configs.has(devfn) ? devfn >>> 3 : []))),
      remove: (slot: number) => this.remove(slot),
    };
    this.hotPlug = acpi && new HotPlug(cpu.io, acpi, execution, slotSets);
    keepThroughReset(cpu, this.plugged, () => this.hotPlug?.reset());
    keepThroughSavedState(cpu, this.plugged, (restored) => {
      execution.started = true;
      this.hotPlug?.restored(restored.length < this.plugged.length);
      for (const fn of restored) this.onRestored.emit(fn);
    });
  }

  /** Has the guest's thread do other work too, between the guest's instructions; one piece of work at a time. */
  workBeside(companion: Companion | undefined): void {
    this.execution.companion = companion;
  }

  /**
   * Puts a function into a slot. Before the guest's first run the firmware finds it; later the guest is told, by ACPI's
   * hot plug. Without ACPI it finds the function when it looks again (in Linux: `echo 1 > /sys/bus/pci/rescan`).
   * @returns the slot
   * @throws AttachError for a slot that is taken or doesn't exist, and for a BAR that v86 has no way to decode
   */
  plug(fn: PciFunction, options: PlugOptions = {}): number {
    fn.bars.forEach(checkBar);
    const slot = this.chooseSlot(options.slot);
    const devfn = slot << 3;
    const report = (error: unknown): void => this.report(error, slot);
    // v86 sees the slot as filled, and knows its interrupt pin, from a copy of the header. The guest never reads it.
    const { pci } = this.machine.cpu.devices;
    pci.register_device({ pci_id: devfn, pci_space: zeros, pci_bars: [], name: fn.name });
    fn.plug(this.hostOf(fn, devfn, report));
    const describe = (): void => {
      for (let i = 0; i < headerWords; i++) pci.device_spaces[devfn]![i] = fn.config.read(4 * i, 4);
    };
    describe();
    this.configs.set(devfn, guarded(fn.config, report));
    this.plugged.push({ slot, fn, describe });
    this.hotPlug?.announce();
    return slot;
  }

  /** The function in a slot, unless it is one of v86's. */
  at(slot: number): PciFunction | undefined {
    return this.plugged.find((kept) => kept.slot === slot)?.fn;
  }

  /**
   * Has the guest give up the function in a slot, and answers when the slot is empty; see HotPlug.request.
   * @throws UnplugError when there is none, no ACPI to ask the guest by, or the guest does not do it
   */
  async unplug(slot: number, options: UnplugOptions = {}): Promise<void> {
    if (!this.at(slot)) throw new UnplugError(`There is no card in PCI slot ${slot}.`);
    if (!this.hotPlug) throw new UnplugError('A card is unplugged by ACPI; make the emulator with acpi: true.');
    await this.hotPlug.request(slot, options.timeoutMs);
  }

  private remove(slot: number): void {
    const index = this.plugged.findIndex((kept) => kept.slot === slot);
    if (index < 0) return;
    const { fn } = this.plugged[index];
    fn.reset(); // releases its line and its BARs
    this.plugged.splice(index, 1);
    const { pci } = this.machine.cpu.devices;
    this.configs.delete(slot << 3);
    pci.devices[slot << 3] = pci.device_spaces[slot << 3] = undefined;
    this.hotPlug?.removed(slot);
    this.onUnplugged.emit(fn);
  }

  private hostOf(fn: PciFunction, devfn: number, report: (error: unknown) => void): PciHost {
    const registers = fn.bars.map((bar) => bar && guarded(bar, report));
    const close: ((() => void) | undefined)[] = [];
    let pin = false;
    return {
      memory: this.memory,
      message: (address, data) => this.interrupts.deliver(address, data),
      interrupt: (asserted) => {
        if (asserted === pin) return;
        pin = asserted;
        if (asserted) this.lines.assert(devfn);
        else this.lines.release(devfn);
      },
      mapBar: (index, address) => {
        close[index]?.();
        close[index] = undefined;
        if (address === undefined) return;
        const conflict = (reason: string): void =>
          report(new Error(`BAR ${index} of ${fn.name} is not decoded at 0x${address.toString(16)}: it ${reason}`));
        close[index] = this.windows.open(fn.bars[index]!, address, registers[index]!, conflict);
      },
    };
  }

  private chooseSlot(wanted: number | undefined): number {
    const { devices } = this.machine.cpu.devices.pci;
    if (wanted === undefined) {
      const free = slotOrder.find((slot) => !devices[slot << 3]);
      if (free !== undefined) return free;
      throw new AttachError(`All ${slots} PCI slots of this emulator are taken.`);
    }
    if (!Number.isInteger(wanted) || wanted < 0 || wanted >= slots) {
      throw new AttachError(`There is no PCI slot ${wanted}: slots are the whole numbers from 0 to ${slots - 1}.`);
    }
    const taken = devices[wanted << 3];
    if (taken) throw new AttachError(`PCI slot ${wanted} is taken by ${taken.name}: choose another, or none.`);
    return wanted;
  }

  private report(error: unknown, slot?: number): void {
    this.onError.emit({ slot, error: error instanceof Error ? error : new Error(String(error)) });
  }
}

/** The set of these numbers from 0 to 31, one bit for each. */
function bits(numbers: readonly number[]): number {
  return numbers.reduce((set, number) => set | (1 << number), 0);
}

const zeros: readonly number[] = new Array<number>(4 * headerWords).fill(0);

/** The largest I/O BAR that PCI allows (PCI 3.0, 6.2.5.1). */
const largestIoBar = 256;

function checkBar(bar: BarSpace | undefined, index: number): void {
  if (!bar) return;
  const powerOfTwo = bar.size > 0 && Number.isInteger(Math.log2(bar.size));
  if (bar.kind === 'memory' && !(powerOfTwo && bar.size >= blockBytes)) {
    throw new AttachError(
      `BAR ${index} is ${bar.size} bytes of memory, but v86 maps blocks of 128 KiB: it must be a power of two from ${blockBytes} on.`,
    );
  }
  if (bar.kind === 'io' && !(powerOfTwo && bar.size >= 4 && bar.size <= largestIoBar)) {
    throw new AttachError(
      `BAR ${index} is ${bar.size} I/O ports: it must be a power of two from 4 to ${largestIoBar}.`,
    );
  }
}
