import { timeLeft } from './clock.js';
import type { V86Cpu, V86Machine } from './v86.js';

/** EFLAGS bit 9: the processor accepts interrupts. */
const IF = 1 << 9;

/** Work that comes from outside to a guest that has its thread to itself. */
export interface Companion {
  /** The guest begins to execute, or goes on; until `wait`, `poll` is called about every 100,003 of its instructions. */
  awake(): void;
  poll(): unknown;
  /**
   * The guest waits for an interrupt, and the thread stands still with it, until something comes for it or the time, in
   * milliseconds, is over.
   */
  wait(milliseconds: number): unknown;
}

/**
 * How long a guest that waits may keep its thread, in milliseconds, before the event loop has its turn: as long as Debian's
 * i386 kernels wait at most, which have 250 timer ticks in a second. Messages to the thread are late by as much.
 */
const turnMs = 4;

/**
 * When a guest may be interrupted.
 *
 * v86's `handle_irqs` replaces the instruction pointer, so it may only be called between two instructions. All of a guest's
 * instructions are executed inside `cpu.main_loop`, and whatever calls us from in there (a memory-mapped or port handler,
 * a hardware timer, a listener of one of v86's events) may have interrupted one. From anywhere else (a timer, a message,
 * the inside of another guest) v86 waits in the event loop, and `handle_irqs` delivers at once; what it does first for a
 * halted processor is `stop_idling`, which makes v86 take its next turn now instead of at its timer's end.
 *
 * Inside `main_loop` an interrupt is only made pending. The processor finds it by itself: after `sti`, `popf` and `iret`,
 * at `hlt`, and after every 100,003 instructions, just after `main_loop` ran the hardware timers.
 *
 * A stopped emulator is left alone too; what is pending is found when it runs again.
 */
export class Execution {
  /** What the guest's thread has to do beside it. */
  companion: Companion | undefined;
  private readonly machine: V86Machine;
  private readonly report: (error: unknown) => void;
  /** The guest has executed something since the machine was made, or its state was restored. */
  started = false;
  private executing = false;

  /** @param report told when the emulator itself breaks while it enters an interrupt handler */
  constructor(machine: V86Machine, report: (error: unknown) => void) {
    this.machine = machine;
    this.report = report;
    const { cpu } = machine;
    const mainLoop = cpu.main_loop;
    const turn = (): number => {
      this.started = true;
      this.executing = true;
      const idle = mainLoop.call(cpu);
      // Not so when it throws: an emulator that broke in the middle of an instruction is not to be woken.
      this.executing = false;
      return idle;
    };
    cpu.main_loop = () => (this.companion ? takeTurns(this.companion, turn) : turn());
    const { run_hardware_timers: runTimers } = cpu;
    cpu.run_hardware_timers = (acpi, now) => {
      this.companion?.poll();
      return runTimers.call(cpu, acpi, now);
    };
  }

  private get interruptible(): boolean {
    return this.machine.running && !this.executing;
  }

  /** An interrupt is pending in the local APIC: takes it if now is the time. */
  pending(): void {
    if (this.interruptible) this.attempt((cpu) => cpu.handle_irqs());
  }

  /** Calls one of v86's functions that change interrupt inputs and then take what is pending, whether it is time or not. */
  latch(change: (cpu: V86Cpu) => void): void {
    if (this.interruptible) {
      this.attempt(change);
      return;
    }
    // With the flag down v86's handle_irqs does nothing, and the change is only latched in the interrupt controllers.
    const { cpu } = this.machine;
    const flag = cpu.flags[0] & IF;
    cpu.flags[0] &= ~IF;
    try {
      change(cpu);
    } finally {
      cpu.flags[0] |= flag;
    }
  }

  /** The caller may be another guest's device, which must not fail because this guest's emulator does. */
  private attempt(act: (cpu: V86Cpu) => void): void {
    try {
      act(this.machine.cpu);
    } catch (error) {
      this.report(error);
    }
  }
}

/**
 * Has the guest execute, and wait for what its companion brings, without a way through the event loop between the two: that
 * takes longer than many a packet. Answers that v86 is to go on at once.
 * @param turn executes until the guest has had its time, or halts; answers how long it will then wait, in milliseconds
 */
function takeTurns(companion: Companion, turn: () => number): number {
  const end = performance.now() + turnMs;
  companion.awake();
  companion.poll();
  for (;;) {
    const left = Math.min(turn(), end - performance.now(), timeLeft());
    if (left <= 0) return 0;
    companion.wait(left);
  }
}
