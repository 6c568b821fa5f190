import {
  commonField,
  firstOf,
  openModern,
  pciCommand,
  pciStatus,
  readStructures,
  scanBus,
  structureType,
  type Machine,
  type PciCard,
  type Registers,
} from '../../../driver/index.js';
import type { Bench } from '../bench.js';
import { claim, Nonconformance, type Case } from '../case.js';
import { lineAsserted, message, msixOf, transmitted } from '../events.js';
import { marker, outbound } from '../traffic.js';
import { hex } from '../../hex.js';

const virtioVendor = 0x1af4;
/** A network card's device ids (virtio 4.1.2): 0x1040 and its virtio device id, and the transitional one. */
const networkDevice = { modern: 0x1041, transitional: 0x1000 } as const;

/** The function that has virtio's structures, whatever it says that it is. */
export async function virtioFunction(machine: Machine): Promise<PciCard> {
  for (const card of await scanBus(machine)) {
    if (firstOf(await readStructures(card), structureType.common)) return card;
  }
  throw new Nonconformance('no function on the bus has a capability for a common configuration');
}

async function identity({ machine }: Bench) {
  return (await virtioFunction(machine)).ids();
}

/** What the specification says of a function's ids (virtio 4.1.2). */
export const discoveryCases: readonly Case[] = [
  {
    id: 'pci-vendor-id',
    statements: ['pci-dev-002'],
    section: '4.1.2.1',
    expects: 'the vendor id is 0x1af4',
    async run(bench) {
      const { vendorId } = await identity(bench);
      return claim(vendorId === virtioVendor, `vendor id ${hex(vendorId)}`);
    },
  },
  {
    id: 'pci-device-id',
    statements: ['pci-dev-003'],
    section: '4.1.2.1',
    expects: 'the device id of a network card is 0x1041 or, of a transitional one, 0x1000',
    async run(bench) {
      const { deviceId } = await identity(bench);
      const known = deviceId === networkDevice.modern || deviceId === networkDevice.transitional;
      return claim(known, `device id ${hex(deviceId)}`);
    },
  },
  {
    id: 'pci-device-id-range',
    statements: ['pci-dev-003', 'pci-dev-004'],
    section: '4.1.2.1',
    expects: 'the device id of a network card that is not transitional is 0x1041',
    card: { transitional: false },
    async run(bench) {
      const { deviceId } = await identity(bench);
      return claim(deviceId === networkDevice.modern, `device id ${hex(deviceId)}`);
    },
  },
  {
    id: 'pci-revision',
    statements: ['pci-dev-005'],
    section: '4.1.2.1',
    expects: 'the revision id of a device that is not transitional is 1 or higher',
    card: { transitional: false },
    async run(bench) {
      const { revision } = await identity(bench);
      return claim(revision >= 1, `revision ${revision}`);
    },
  },
  {
    id: 'pci-subsystem-id',
    statements: ['pci-dev-006'],
    section: '4.1.2.1',
    expects: 'the subsystem device id of a device that is not transitional is 0x40 or higher',
    card: { transitional: false },
    async run(bench) {
      const { subsystemId } = await identity(bench);
      return claim(subsystemId >= 0x40, `subsystem device id ${hex(subsystemId)}`);
    },
  },
];

/** Read-only words of the header (PCI 3.0, 6.2.1 and 6.2.4), and which of their bits. */
const readOnly = [
  { name: 'vendor and device id', offset: 0x00, bits: 0xffffffff },
  { name: 'revision and class code', offset: 0x08, bits: 0xffffffff },
  { name: 'header type', offset: 0x0c, bits: 0x00ff0000 },
  { name: 'subsystem ids', offset: 0x2c, bits: 0xffffffff },
  { name: 'capabilities pointer', offset: 0x34, bits: 0x000000ff },
  { name: 'interrupt pin', offset: 0x3c, bits: 0x0000ff00 },
] as const;

const barCount = 6;
/** Bits of a BAR that tell what it is, and do not belong to its address (6.2.5.1). */
const kindBits = { io: 0x3, memory: 0xf } as const;
/** The least that a BAR can claim, and the most that an I/O BAR may. */
const barBytes = { io: 4, memory: 16, mostIo: 256 } as const;

/** What is not as PCI says of a BAR that was `before` and, when all ones were written to it, `probed`. */
function barFault(before: number, probed: number): string | undefined {
  if (before === 0 && probed === 0) return undefined;
  const kind = before & 1 ? 'io' : 'memory';
  const low = kindBits[kind];
  const address = (probed & ~low) >>> 0;
  const size = (~address + 1) >>> 0;
  if (((before ^ probed) & low) !== 0) return `says ${hex(before & low)} and then ${hex(probed & low)} of its kind`;
  if (size === 0 || (size & (size - 1)) !== 0) return `reads ${hex(probed)}, which is no size`;
  if (size < barBytes[kind]) return `has ${size} bytes`;
  return kind === 'io' && size > barBytes.mostIo ? `has ${size} I/O ports` : undefined;
}

/** What PCI itself wants of every function (PCI 3.0), as far as drivers count on it. */
export const pciCases: readonly Case[] = [
  {
    id: 'pci-header-read-only',
    statements: ['pci-dev-001'],
    section: '4.1.1',
    expects: 'writes do not change what identifies the function (PCI 3.0, 6.2.1)',
    async run({ machine }) {
      const card = await virtioFunction(machine);
      const changed: string[] = [];
      for (const { name, offset, bits } of readOnly) {
        const before = await card.read(offset, 4);
        await card.write(offset, 4, (before ^ bits) >>> 0);
        if (((await card.read(offset, 4)) ^ before) & bits) changed.push(name);
        await card.write(offset, 4, before);
      }
      return claim(changed.length === 0, changed.length ? `written: ${changed.join(', ')}` : `nothing was written`);
    },
  },
  {
    id: 'pci-capability-list',
    statements: ['pci-dev-001'],
    section: '4.1.1',
    expects: 'the list of capabilities lies behind the header, in double words, and ends (PCI 3.0, 6.7)',
    async run({ machine }) {
      const card = await virtioFunction(machine);
      const list = await card.capabilities();
      const places = list.map(({ offset }) => offset);
      const links = await Promise.all(list.map(({ offset }) => card.read(offset + 1, 1)));
      const sound = places.every((offset) => offset >= 0x40) && new Set(places).size === places.length;
      const aligned = links.every((link) => (link & 3) === 0);
      const named = ((await card.status()) & pciStatus.capabilities) !== 0;
      return claim(named && sound && aligned, `capabilities at ${places.map(hex).join(', ')}`);
    },
  },
  {
    id: 'pci-bar-sizes',
    statements: ['pci-dev-001'],
    section: '4.1.1',
    expects: 'a BAR tells its size when all ones are written, and keeps the bits of its kind (PCI 3.0, 6.2.5.1)',
    async run({ machine }) {
      const card = await virtioFunction(machine);
      const bars = await card.sizeBars();
      await card.setCommand(0);
      const upper = new Set(bars.filter(({ wide }) => wide).map(({ index }) => index + 1));
      for (let index = 0; index < barCount; index++) {
        if (upper.has(index)) continue;
        const offset = 0x10 + 4 * index;
        const before = await card.read(offset, 4);
        await card.write(offset, 4, 0xffffffff);
        const fault = barFault(before, await card.read(offset, 4));
        await card.write(offset, 4, before);
        if (fault !== undefined) throw new Nonconformance(`BAR ${index} ${fault}`);
      }
      return claim(bars.length > 0, bars.map(({ index, kind, size }) => `BAR ${index}: ${kind}, ${size}`).join('; '));
    },
  },
  {
    id: 'pci-bar-contents',
    statements: ['pci-dev-001'],
    section: '4.1.1',
    expects: 'what is said to lie behind a BAR lies within its size, as nothing else is claimed (PCI 3.0, 6.2.5)',
    async run({ machine }) {
      const { card, structures } = await openModern(machine);
      const bars = await card.sizeBars();
      const inBars = structures.filter(({ type }) => type !== structureType.pci && type !== structureType.vendor);
      const outside = inBars.filter(({ bar, offset, length }) => {
        return offset + length > (bars.find(({ index }) => index === bar)?.size ?? 0);
      });
      const seen = (outside.length > 0 ? outside : inBars).map(
        ({ type, bar, offset, length }) => `type ${type}: ${length} bytes at ${hex(offset)} of BAR ${bar}`,
      );
      return claim(outside.length === 0, seen.join('; '));
    },
  },
  {
    id: 'pci-bar-decoding',
    statements: ['pci-dev-001'],
    section: '4.1.1',
    expects: 'a BAR is decoded where it was put, and only while the command register lets it (PCI 3.0, 6.2.2)',
    async run({ machine }) {
      const { card, structures } = await openModern(machine);
      const { bar: index, offset } = firstOf(structures, structureType.common)!;
      const bar = (await card.sizeBars()).find((one) => one.index === index)!;
      const queues = (registers: Registers): Promise<number> =>
        registers.read(offset + commonField.numQueues.offset, commonField.numQueues.width);
      const old = card.bar(index);
      const count = await queues(old);
      const decoding = await card.command();
      await card.setCommand(decoding & ~(pciCommand.io | pciCommand.memory));
      const off = await queues(old);
      await card.setCommand(decoding);
      const on = await queues(old);
      const { start, end } = bar.kind === 'io' ? machine.portWindow : machine.memoryWindow;
      await card.setBar(bar, Math.ceil((start + end) / 2 / bar.size) * bar.size);
      const moved = { there: await queues(card.bar(index)), here: await queues(old) };
      const seen = `num_queues ${count}; with decoding off ${off}, on ${on}; moved: ${moved.there}, at the old place ${moved.here}`;
      return claim(off !== count && on === count && moved.there === count && moved.here !== count, seen);
    },
  },
  {
    id: 'pci-bus-master',
    statements: ['pci-dev-001'],
    section: '4.1.1',
    expects: 'a function that is not bus master uses no buffer and sends no message (PCI 3.0, 6.2.2)',
    card: { pairs: 1 },
    async run(bench) {
      const driver = await bench.start();
      const { card, msix } = driver.transport;
      await transmitted.cause(bench, driver);
      await bench.fromCard(1);
      await bench.quiet();
      await msix?.takeAll();
      await card.setCommand((await card.command()) & ~pciCommand.busMaster);
      const [transmitter] = driver.transmitters;
      await transmitter.add(marker(outbound(driver)));
      await transmitter.queue.ring.publish();
      await transmitter.queue.notify();
      await bench.quiet();
      const used = await transmitter.reclaim();
      const sent = (await bench.wire.take()).length;
      const messages = (await msix?.takeAll())?.length ?? 0;
      return claim(used + sent + messages === 0, `${used} buffers used, ${sent} frames sent, ${messages} messages`);
    },
  },
  {
    id: 'pci-interrupt-disable',
    statements: ['pci-dev-001'],
    section: '4.1.1',
    expects:
      'with Interrupt Disable set the line stays released, and is asserted once that is cleared (PCI 3.0, 6.2.2)',
    card: { pairs: 1 },
    async run(bench) {
      const driver = await bench.start({ interrupts: 'intx' });
      const { card } = driver.transport;
      const command = await card.command();
      await driver.transport.readIsr();
      await card.setCommand(command | pciCommand.interruptDisable);
      await transmitted.cause(bench, driver);
      await bench.quiet();
      const disabled = await bench.machine.lineAsserted();
      await card.setCommand(command);
      await lineAsserted(bench, 'a buffer that was used while it was disabled');
      return claim(
        !disabled,
        `the line is ${disabled ? 'asserted' : 'released'} while disabled, and asserted afterwards`,
      );
    },
  },
  {
    id: 'pci-msix-mask',
    statements: ['pci-dev-001'],
    section: '4.1.1',
    expects: 'a masked vector, or function, keeps its message pending until it is unmasked (PCI 3.0, 6.8.3.4)',
    card: { pairs: 1 },
    async run(bench) {
      const driver = await bench.start();
      const msix = msixOf(driver);
      const { vector = 0 } = driver.transmitters[0].queue;
      const masks = {
        vector: (masked: boolean) => msix.mask(vector, masked),
        function: (masked: boolean) => msix.maskAll(masked),
      };
      for (const [of, mask] of Object.entries(masks)) {
        await msix.takeAll();
        await mask(true);
        await transmitted.cause(bench, driver);
        await bench.quiet();
        const [sent, pending] = [await msix.take(vector), await msix.isPending(vector)];
        claim(!sent && pending, `${of} masked: message ${sent ? 'sent' : 'kept'}, ${pending ? '' : 'not '}pending`);
        await mask(false);
        await message(bench, driver, vector, `what happened while the ${of} was masked`);
        claim(!(await msix.isPending(vector)), `${of} unmasked: message sent, and pending still`);
      }
      return 'masked: pending, not sent; unmasked: sent, not pending';
    },
  },
];
