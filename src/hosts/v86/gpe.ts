import type { RegisterSpace } from '../../pci/function.js';
import type { Execution } from './execution.js';
import { servePorts } from './ports.js';
import type { V86Acpi, V86Io } from './v86.js';

/** Where the PIIX4 has its general-purpose event block 0; firmware's FADT says so. */
const base = 0xafe0;
/** Two bytes of status, then two of enable (ACPI 6.1, 4.8.4.1). */
const statusBytes = 2;
const blockBytes = 4;

/** The system control interrupt: an input that is level-triggered and active high. */
const sci = 9;

/**
 * The general-purpose events of v86's ACPI device, as far as it lacks them: a status bit is cleared by writing 1 to it,
 * and while one is set that is enabled, the SCI is asserted. The bytes stay v86's own, which saves and restores them.
 */
export class GeneralPurposeEvents {
  private readonly acpi: V86Acpi;
  private readonly execution: Execution;

  constructor(io: V86Io, acpi: V86Acpi, execution: Execution) {
    this.acpi = acpi;
    this.execution = execution;
    servePorts(io, base, blockBytes, this.registers());
    // v86's timer lowers the SCI at each tick, as if it were alone on it.
    const timer = acpi.timer;
    acpi.timer = (now) => {
      const next = timer.call(acpi, now);
      if (this.active) this.execution.latch((cpu) => cpu.device_raise_irq(sci));
      return next;
    };
  }

  /** An event happened; it is numbered by its status bit, from 0 to 15. */
  raise(event: number): void {
    this.acpi.gpe[event >>> 3] |= 1 << (event & 7);
    this.update();
  }

  private get active(): boolean {
    const [lowStatus, highStatus, lowEnable, highEnable] = this.acpi.gpe;
    return ((lowStatus & lowEnable) | (highStatus & highEnable)) !== 0;
  }

  private update(): void {
    const { active, acpi } = this;
    if (active) this.execution.latch((cpu) => cpu.device_raise_irq(sci));
    else if (!(acpi.pm1_status & acpi.pm1_enable)) this.execution.latch((cpu) => cpu.device_lower_irq(sci));
  }

  private registers(): RegisterSpace {
    const { acpi } = this;
    return {
      read(offset, width) {
        let value = 0;
        for (let i = Math.min(width, blockBytes - offset) - 1; i >= 0; i--) value = value * 256 + acpi.gpe[offset + i];
        return value;
      },
      write: (offset, width, value) => {
        for (let i = 0; i < width && offset + i < blockBytes; i++) {
          const byte = (value >>> (8 * i)) & 0xff;
          const before = acpi.gpe[offset + i];
          acpi.gpe[offset + i] = offset + i < statusBytes ? before & ~byte : byte;
        }
        this.update();
      },
    };
  }
}
