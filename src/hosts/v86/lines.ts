import type { Execution } from './execution.js';
import type { V86Pci } from './v86.js';

/** Configuration space of the ISA bridge from here on: the interrupt that each of the bus's four lines is (PIRQRC). */
const routes = 0x60;
/** What the guest writes there to cut a line off has bit 7 set. */
const interrupts = 16;

/** Register with the interrupt pin in its second byte: 1 for INTA#. */
const pinRegister = 0x3c / 4;

/**
 * The bus's interrupt lines. v86's `raise_irq` and `lower_irq` drive a line as if they were alone on it; here a line is
 * asserted as long as any device asserts it, v86's own included. Routing is v86's.
 */
export class InterruptLines {
  private readonly pci: V86Pci;
  private readonly execution: Execution;
  /** The interrupt that each device asserts, by slot * 8 + function number. */
  private readonly asserted = new Map<number, number>();

  constructor(pci: V86Pci, execution: Execution) {
    this.pci = pci;
    this.execution = execution;
    pci.raise_irq = (devfn) => this.assert(devfn);
    pci.lower_irq = (devfn) => this.release(devfn);
  }

  assert(devfn: number): void {
    const irq = this.route(devfn);
    const before = this.asserted.get(devfn);
    if (before !== undefined && before !== irq) this.release(devfn); // the guest changed the routing meanwhile
    this.asserted.set(devfn, irq);
    if (irq < interrupts) this.execution.latch((cpu) => cpu.device_raise_irq(irq));
  }

  release(devfn: number): void {
    const irq = this.asserted.get(devfn) ?? this.route(devfn);
    this.asserted.delete(devfn);
    const shared = [...this.asserted.values()].includes(irq);
    if (!shared && irq < interrupts) this.execution.latch((cpu) => cpu.device_lower_irq(irq));
  }

  /** Interrupt pins rotate over the lines from slot to slot, as v86 and its firmware's tables have it. */
  private route(devfn: number): number {
    const pin = (this.pci.device_spaces[devfn]![pinRegister] >>> 8) & 0xff;
    const line = (pin - 1 + (devfn >>> 3) - 1) & 3;
    return this.pci.isa_bridge_space8[routes + line];
  }
}
