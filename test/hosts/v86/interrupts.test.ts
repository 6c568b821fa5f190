import { afterEach, describe, expect, it } from 'vitest';

import { systemClock } from '../../../src/hosts/v86/clock.js';
import { pciBusOf } from '../../../src/hosts/v86/pciBus.js';
import { ConfigAccess, TestFunction, testMachine, until, type TestMachine } from './machine.js';
import { lineIrq, messageVector, program, words } from './program.js';

const bar = 0xd0000000;
const messageAddress = 0xfee00000;

let running: TestMachine | undefined;
afterEach(async () => {
  await running?.emulator.stop();
  running = undefined;
});

/** The local APIC's interrupt request and trigger mode registers. */
function apic({ machine: { cpu } }: TestMachine): { irr: Uint32Array; tmr: Uint32Array } {
  const at = cpu.get_apic_addr() >>> 0;
  const view = (word: number): Uint32Array => new Uint32Array(cpu.wasm_memory.buffer, at + 4 * word, 8);
  return { irr: view(16), tmr: view(32) };
}

/** Inputs of the second PIC that are asserted, as bits from interrupt 8 on. */
function picInputs({ machine, cpu }: TestMachine): number {
  return new Uint8Array(machine.cpu.wasm_memory.buffer, cpu.get_pic_addr_slave() >>> 0)[11];
}

/** A machine with a card in slot 4, whose lines are interrupts 11, 10, 11 and 10. */
async function withCard(options?: { program?: Uint8Array }): Promise<TestMachine & { card: TestFunction }> {
  const test = await testMachine(options);
  const card = new TestFunction();
  pciBusOf(test.emulator).plug(card, { slot: 4 });
  const config = new ConfigAccess(test.cpu);
  config.write(1, 0x60, 0x0a0b0a0b);
  config.write(4, 0x10, bar);
  config.write(4, 4, 2, 2);
  return { ...test, card };
}

describe('a message', () => {
  it('sets its vector in the request register, as an edge', async () => {
    const test = await withCard();
    apic(test).tmr.fill(0xffffffff);
    for (const [data, vector] of [
      [0x0031, 0x31],
      [0x01ef, 0xef], // lowest priority
      [0x0010, 0x10],
    ]) {
      test.card.host.message(messageAddress + 0x1000, data);
      const { irr, tmr } = apic(test);
      expect((irr[vector >>> 5] >>> (vector & 31)) & 1).toBe(1);
      expect((tmr[vector >>> 5] >>> (vector & 31)) & 1).toBe(0);
    }
    expect([...apic(test).irr].map((word) => word.toString(16))).toEqual([
      '10000',
      '20000',
      '0',
      '0',
      '0',
      '0',
      '0',
      '8000',
    ]);
  });

  it('is one interrupt for two cards that share its vector, until the guest has taken it', async () => {
    const test = await withCard();
    const second = new TestFunction();
    pciBusOf(test.emulator).plug(second, { slot: 5 });
    for (const card of [test.card, second]) card.host.message(messageAddress, 0x45);
    expect(apic(test).irr[2]).toBe(1 << 5);
    apic(test).irr[2] = 0; // as when it is taken
    second.host.message(messageAddress, 0x45);
    expect(apic(test).irr[2]).toBe(1 << 5);
  });

  it('of another mode, or with a vector of the exceptions, does nothing', async () => {
    const test = await withCard();
    for (const data of [0x0231, 0x0431, 0x0531, 0x0731, 0x000f]) test.card.host.message(messageAddress, data);
    expect([...apic(test).irr]).toEqual(new Array(8).fill(0));
  });

  it('to another address is a write to memory, if there is any', async () => {
    const test = await withCard();
    test.card.host.message(0x5000, 0xdeadbeef);
    expect(test.cpu.read32s(0x5000) >>> 0).toBe(0xdeadbeef);
    for (const address of [8 << 20, (8 << 20) - 3, 0xfef00000, 0x1fee00000]) test.card.host.message(address, 1);
    expect([...apic(test).irr]).toEqual(new Array(8).fill(0));
  });

  it('survives the growth of WebAssembly memory', async () => {
    const test = await withCard();
    test.machine.cpu.wasm_memory.grow(1);
    test.card.host.message(messageAddress, 0x20);
    test.card.host.message(0x5000, 7);
    expect([apic(test).irr[1], test.cpu.read8(0x5000)]).toEqual([1, 7]);
  });
});

describe('interrupt lines', () => {
  it('rotate with the slot, and stay asserted as long as any card asserts them', async () => {
    const test = await withCard();
    const [neighbour, sameLine] = [new TestFunction(), new TestFunction()];
    pciBusOf(test.emulator).plug(neighbour, { slot: 5 });
    pciBusOf(test.emulator).plug(sameLine, { slot: 8 });
    const inputs: number[] = [];
    const step = (card: TestFunction, asserted: boolean): void => {
      card.host.interrupt(asserted);
      inputs.push(picInputs(test));
    };
    step(test.card, true);
    step(sameLine, true);
    step(neighbour, true);
    step(test.card, false);
    step(test.card, false);
    step(sameLine, false);
    step(neighbour, false);
    const [irq10, irq11] = [4, 8];
    expect(inputs).toEqual([irq10, irq10, irq10 | irq11, irq10 | irq11, irq10 | irq11, irq11, 0]);
  });

  it("are shared with v86's own devices", async () => {
    const test = await withCard();
    const { pci } = test.machine.cpu.devices;
    pci.register_device({
      pci_id: 8 << 3,
      pci_space: Array.from({ length: 64 }, (_, i) => (i === 0x3d ? 1 : 0)),
      pci_bars: [],
      name: "one of v86's",
    });
    test.card.host.interrupt(true);
    pci.raise_irq(8 << 3);
    test.card.host.interrupt(false);
    expect(picInputs(test)).toBe(4);
    pci.lower_irq(8 << 3);
    expect(picInputs(test)).toBe(0);
  });

  it('that the guest cut off reach nobody', async () => {
    const test = await withCard();
    new ConfigAccess(test.cpu).write(1, 0x60, 0x80808080);
    test.card.host.interrupt(true);
    test.card.host.interrupt(false);
    expect(picInputs(test)).toBe(0);
  });
});

/** How a card interrupts, and releases what it asserted. */
const ways: Record<string, { raise: (card: TestFunction) => void; release: (card: TestFunction) => void }> = {
  'a message': { raise: (card) => card.host.message(messageAddress, messageVector), release: () => undefined },
  'the line': { raise: (card) => card.host.interrupt(true), release: (card) => card.host.interrupt(false) },
};

describe.each(Object.entries(ways))('a running guest, by %s', (_, { raise, release }) => {
  it('is interrupted between two instructions, not in the one that reached the device', async () => {
    const test = (running = await withCard({ program }));
    const seen: string[] = [];
    test.card.memoryBar.onAccess = ([what, offset]) => {
      if (what === 'read' && offset === 4) release(test.card);
      if (what !== 'write') return;
      const flags = test.machine.cpu.flags[0];
      raise(test.card);
      seen.push(`flags ${test.machine.cpu.flags[0] === flags ? 'kept' : 'lost'}, accepts ${(flags & 0x200) !== 0}`);
    };
    test.card.host.memory.words32[words.device / 4] = bar;
    void test.emulator.run();
    await until(() => test.cpu.in_hlt[0] === 1);
    expect(seen).toEqual(['flags kept, accepts true']);
    expect([words.during, words.after].map((word) => test.cpu.read32s(word))).toEqual([0, 1]);
  });

  it('is woken at once when it halts', async () => {
    const test = (running = await withCard({ program }));
    test.card.memoryBar.onAccess = ([what, offset]) => {
      if (what === 'read' && offset === 4) release(test.card);
    };
    test.card.host.memory.words32[words.device / 4] = bar;
    void test.emulator.run();
    await until(() => test.cpu.in_hlt[0] === 1);
    for (let wake = 1; wake <= 20; wake++) {
      raise(test.card);
      expect(test.cpu.in_hlt[0]).toBe(0);
      // The next turn of the event loop is v86's, not the one at the end of its timer for a halted guest.
      await new Promise((resolve) => setImmediate(resolve));
      expect([test.cpu.read32s(words.count), test.cpu.in_hlt[0]]).toEqual([wake, 1]);
    }
  });

  it('is interrupted by each of two cards that interrupt in the same way', async () => {
    const test = (running = await withCard({ program }));
    const second = new TestFunction();
    pciBusOf(test.emulator).plug(second, { slot: 8 });
    test.card.memoryBar.onAccess = ([what, offset]) => {
      if (what !== 'read' || offset !== 4) return;
      for (const card of [test.card, second]) release(card);
    };
    test.card.host.memory.words32[words.device / 4] = bar;
    void test.emulator.run();
    await until(() => test.cpu.in_hlt[0] === 1);
    for (const [count, card] of [test.card, second, test.card].entries()) {
      raise(card);
      await until(() => test.cpu.in_hlt[0] === 1);
      expect(test.cpu.read32s(words.count)).toBe(count + 1);
    }
  });

  it('that has its thread to itself is interrupted by what its companion brings while it waits', async () => {
    const test = (running = await withCard({ program }));
    test.card.memoryBar.onAccess = ([what, offset]) => {
      if (what === 'read' && offset === 4) release(test.card);
    };
    test.card.host.memory.words32[words.device / 4] = bar;
    const counts: number[] = [];
    pciBusOf(test.emulator).workBeside({
      awake: () => undefined,
      poll: () => undefined,
      wait(milliseconds) {
        expect(milliseconds).toBeGreaterThan(0);
        expect(milliseconds).toBeLessThanOrEqual(4);
        expect(test.cpu.in_hlt[0]).toBe(1);
        counts.push(test.cpu.read32s(words.count));
        if (counts.length <= 20) raise(test.card);
        return counts.length <= 20;
      },
    });
    void test.emulator.run();
    await until(() => counts.length > 20);
    expect(counts.slice(0, 21)).toEqual(Array.from({ length: 21 }, (__, count) => count));
  });

  it('that has its thread to itself leaves it to the event loop when a timer is due', async () => {
    const test = (running = await withCard({ program }));
    const standing = new Int32Array(new SharedArrayBuffer(4));
    const tooLong: number[] = [];
    let waits = 0;
    let before = performance.now();
    let due = Infinity;
    pciBusOf(test.emulator).workBeside({
      awake: () => undefined,
      poll: () => undefined,
      wait(milliseconds) {
        waits++;
        if (milliseconds > due - before) tooLong.push(milliseconds);
        Atomics.wait(standing, 0, 0, milliseconds);
        before = performance.now();
        return true;
      },
    });
    void test.emulator.run();
    for (let i = 0; i < 5; i++) {
      await new Promise<void>((resolve) => {
        systemClock.after(1.5, resolve);
        due = performance.now() + 1.5;
      });
      due = Infinity;
    }
    expect(waits).toBeGreaterThan(0);
    expect(tooLong).toEqual([]);
  });

  it('is left alone while it is stopped', async () => {
    const test = (running = await withCard({ program }));
    test.card.memoryBar.onAccess = ([what, offset]) => {
      if (what === 'read' && offset === 4) release(test.card);
    };
    test.card.host.memory.words32[words.device / 4] = bar;
    void test.emulator.run();
    await until(() => test.cpu.in_hlt[0] === 1);
    await test.emulator.stop();
    raise(test.card);
    expect([test.cpu.in_hlt[0], test.cpu.read32s(words.count)]).toEqual([1, 0]);
    void test.emulator.run();
    await until(() => test.cpu.read32s(words.count) === 1);
  });
});

it('knows the line that the program handles', async () => {
  const test = await withCard();
  test.card.host.interrupt(true);
  expect(picInputs(test)).toBe(1 << (lineIrq - 8));
});
