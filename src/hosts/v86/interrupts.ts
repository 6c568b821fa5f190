import { within, type GuestMemory } from '../../virtio/memory.js';
import type { Execution } from './execution.js';
import type { V86Cpu } from './v86.js';

/** Addresses of message-signalled interrupts: 0xFEE and then who is to get it (Intel SDM volume 3, 11.11.1). */
const messageAddress = 0xfee;
const messageAddressShift = 0x100000;

/** Delivery modes, bits 8 to 10 of the data (11.11.2), that set a bit of the interrupt request register. */
const fixed = 0;
const lowestPriority = 1;

/** Vectors below are the processor's own exceptions; a local APIC does not accept them (11.5.2). */
const firstVector = 16;

/** v86's local APIC as words of 32 bits: 256 bits of interrupt request register, and of trigger mode register. */
const apicWords = 46;
const irrWord = 16;
const tmrWord = 32;

/** Turns what a device writes as an interrupt message into an interrupt. */
export class MessageInterrupts {
  private readonly cpu: V86Cpu;
  private readonly memory: GuestMemory;
  private readonly execution: Execution;
  private readonly apicAddress: number;
  private apicView: Uint32Array;

  constructor(cpu: V86Cpu, memory: GuestMemory, execution: Execution) {
    this.cpu = cpu;
    this.memory = memory;
    this.execution = execution;
    // Asked for once: get_apic_addr takes the lock of v86's APIC, and panics if it is held. The APIC does not move.
    this.apicAddress = cpu.get_apic_addr() >>> 0;
    this.apicView = this.viewApic();
  }

  /**
   * A write of 32 bits on the bus. To 0xFEExxxxx it is an interrupt message, taken as edge-triggered; there is one
   * processor, so who it is for is not looked at, as v86 doesn't. Modes that v86 knows nothing of (SMI, NMI, INIT) are
   * lost. Anywhere else it is what it is: a write, to RAM if there is any.
   */
  deliver(address: number, data: number): void {
    if (Math.floor(address / messageAddressShift) === messageAddress) {
      const mode = (data >>> 8) & 7;
      if (mode === fixed || mode === lowestPriority) this.request(data & 0xff);
    } else if (within(this.memory.size, address, 4)) {
      this.memory.words32[address >>> 2] = data;
      this.memory.written(address, 4);
    }
  }

  private request(vector: number): void {
    if (vector < firstVector) return;
    const { apic } = this;
    const word = vector >>> 5;
    const bit = 1 << (vector & 31);
    if (apic[irrWord + word] & bit) return; // pending already, and one message with this one
    apic[irrWord + word] |= bit;
    apic[tmrWord + word] &= ~bit;
    this.execution.pending();
  }

  private get apic(): Uint32Array {
    if (this.apicView.length === 0) this.apicView = this.viewApic(); // detached: WebAssembly memory grew
    return this.apicView;
  }

  private viewApic(): Uint32Array {
    return new Uint32Array(this.cpu.wasm_memory.buffer, this.apicAddress, apicWords);
  }
}
