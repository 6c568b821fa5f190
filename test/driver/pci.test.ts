import { beforeEach, describe, expect, it } from 'vitest';

import type { PciCard } from '../../src/driver/index.js';
import {
  DriverMemory,
  firstOf,
  ModernTransport,
  readStructures,
  scanBus,
  type Machine,
} from '../../src/driver/index.js';
import { ramMachine } from './ram.js';

/** A function whose configuration space is plain bytes, but for its BARs. */
class PlainFunction {
  readonly bytes = new Uint8Array(256);
  /** What sizing leaves of each BAR register. */
  readonly masks = [0, 0, 0, 0, 0, 0];
  readonly slot = 5;
  private address = 0;

  constructor() {
    this.set16(0, 0x1af4);
    this.set16(2, 0x1041);
    this.set16(6, 0x10);
  }

  set16(offset: number, value: number): void {
    this.bytes.set([value & 0xff, value >>> 8], offset);
  }

  set32(offset: number, value: number): void {
    new DataView(this.bytes.buffer).setUint32(offset, value, true);
  }

  get32(offset: number): number {
    return new DataView(this.bytes.buffer).getUint32(offset, true);
  }

  /** A capability, its bytes from the second field of the list's header on. */
  capability(at: number, next: number, id: number, ...rest: number[]): void {
    this.bytes.set([id, next, ...rest], at);
  }

  machine(): Machine {
    const here = (): boolean => this.address >>> 8 === (0x80000000 | (this.slot << 11)) >>> 8;
    return {
      ...ramMachine(),
      memoryWindow: { start: 0xe0000000, end: 0xf0000000 },
      portWindow: { start: 0xc100, end: 0xd000 },
      readPort: (port, width) => {
        const offset = (this.address & 0xfc) + (port & 3);
        let value = 0;
        for (let i = 0; i < width; i++) value += (here() ? this.bytes[offset + i] : 0xff) * 2 ** (8 * i);
        return Promise.resolve(value);
      },
      writePort: (port, width, value) => {
        if (port === 0xcf8) this.address = value;
        else if (here()) this.write((this.address & 0xfc) + (port & 3), width, value);
        return Promise.resolve();
      },
    };
  }

  private write(offset: number, width: number, value: number): void {
    const bar = (offset - 0x10) / 4;
    if (bar >= 0 && bar < 6)
      this.set32(offset, ((value & this.masks[bar]) | (this.get32(offset) & 15 & ~this.masks[bar])) >>> 0);
    else for (let i = 0; i < width; i++) this.bytes[offset + i] = (value >>> (8 * i)) & 0xff;
  }
}

let plain: PlainFunction;
let machine: Machine;
let card: PciCard;

beforeEach(async () => {
  plain = new PlainFunction();
  machine = plain.machine();
  [card] = await scanBus(machine);
});

describe('the bus', () => {
  it('is looked at slot by slot', async () => {
    expect((await scanBus(machine)).map(({ address }) => address)).toEqual([{ bus: 0, slot: 5, function: 0 }]);
    expect(await card.ids()).toMatchObject({ vendorId: 0x1af4, deviceId: 0x1041 });
  });
});

describe('base address registers', () => {
  it('are sized and placed by their kinds, in turn from the largest', async () => {
    plain.masks[0] = 0xffffffe0;
    plain.set32(0x10, 1);
    plain.masks[1] = 0xfffff000;
    plain.masks[4] = 0xffffc000;
    plain.masks[5] = 0xffffffff;
    plain.set32(0x20, 0xc);
    expect(await card.placeBars()).toEqual([
      { index: 0, kind: 'io', size: 32, wide: false, prefetchable: false },
      { index: 1, kind: 'memory', size: 0x1000, wide: false, prefetchable: false },
      { index: 4, kind: 'memory', size: 0x4000, wide: true, prefetchable: true },
    ]);
    expect(card.places).toEqual([0xc100, 0xe0004000, , , 0xe0000000]);
    expect([0, 1, 4, 5].map((bar) => plain.get32(0x10 + 4 * bar))).toEqual([0xc101, 0xe0004000, 0xe000000c, 0]);
    expect(await card.command()).toBe(7);
  });

  it('must fit into the windows', async () => {
    plain.masks[0] = 0x80000000;
    await expect(card.placeBars()).rejects.toThrow('no room for BAR 0');
  });
});

describe('the capability list', () => {
  it('is empty when the status register says so', async () => {
    plain.set16(6, 0);
    plain.bytes[0x34] = 0x40;
    plain.capability(0x40, 0, 9);
    expect(await card.capabilities()).toEqual([]);
  });

  it('may be a loop, which is found', async () => {
    plain.bytes[0x34] = 0x40;
    plain.capability(0x40, 0x50, 9);
    plain.capability(0x50, 0x40, 9);
    await expect(card.capabilities()).rejects.toThrow('a loop');
  });

  it('may have reserved types and BARs, which a driver ignores', async () => {
    plain.bytes[0x34] = 0x40;
    const common = (at: number, next: number, bar: number, offset: number): void =>
      plain.capability(at, next, 9, 16, 1, bar, 0, 0, 0, offset, 0, 0, 0, 56, 0, 0, 0);
    plain.capability(0x40, 0x50, 9, 16, 77, 0, 0, 0, 0);
    common(0x50, 0x60, 6, 1);
    common(0x60, 0x70, 2, 2);
    common(0x70, 0, 3, 3);
    const structures = await readStructures(card);
    expect(structures.map(({ type, bar }) => [type, bar])).toEqual([
      [77, 0],
      [1, 6],
      [1, 2],
      [1, 3],
    ]);
    expect(firstOf(structures, 1)).toMatchObject({ bar: 2, offset: 2, length: 56, at: 0x60 });
  });

  it('of a legacy device has no virtio structure', async () => {
    await expect(ModernTransport.open(card, new DriverMemory(machine))).rejects.toThrow('no common structure');
  });
});
