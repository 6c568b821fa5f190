import { pciStatus, type NetDriver } from '../../../driver/index.js';
import type { Bench } from '../bench.js';
import { claim, type Case } from '../case.js';
import { configured, lineAsserted, message, msixOf, transmitted, type CardEvent } from '../events.js';
import { presence } from './pciStructures.js';

/** Bits of the ISR status (virtio 4.1.4.5). */
const isr = { queue: 1, config: 2 } as const;
const section = '4.1.4.5.1';

/** A driver that uses the interrupt line; nothing is signalled yet. */
async function startOnLine(bench: Bench): Promise<NetDriver> {
  const driver = await bench.start({ interrupts: 'intx' });
  await driver.transport.readIsr();
  return driver;
}

/** What a driver sees of the interrupt: in the function's status register, and on the line. */
async function signals({ machine }: Bench, { transport }: NetDriver): Promise<string> {
  const status = ((await transport.card.status()) & pciStatus.interrupt) !== 0;
  return `${status ? 'set' : 'clear'} and ${(await machine.lineAsserted()) ? 'asserted' : 'released'}`;
}

function interruptStatus(event: CardEvent, id: string, needs: Case['needs'] = []): Case {
  return {
    id,
    statements: ['pci-dev-036'],
    section,
    expects: `without MSI-X, Interrupt Status and the line follow the ISR status: ${event.name}`,
    card: { pairs: 1 },
    needs,
    async run(bench) {
      const driver = await startOnLine(bench);
      const before = await signals(bench, driver);
      await event.cause(bench, driver);
      await lineAsserted(bench, event.name);
      const during = await signals(bench, driver);
      const bits = await driver.transport.readIsr();
      await bench.quiet();
      const after = await signals(bench, driver);
      const seen = `Interrupt Status and the line: ${before}; ISR status ${bits}: ${during}; after its read: ${after}`;
      const idle = 'clear and released';
      return claim(before === idle && during === 'set and asserted' && bits !== 0 && after === idle, seen);
    },
  };
}

/** The ISR status (virtio 4.1.4.5). */
export const isrCases: readonly Case[] = [
  presence('isr', 'pci-dev-033', section),
  {
    id: 'isr-config-bit',
    statements: ['pci-dev-034'],
    section,
    expects: 'the Device Configuration Interrupt bit is set when the driver is told of a change on the line',
    card: { pairs: 1 },
    needs: ['VIRTIO_NET_F_STATUS'],
    async run(bench) {
      const driver = await startOnLine(bench);
      await configured.cause(bench, driver);
      await lineAsserted(bench, configured.name);
      const bits = await driver.transport.readIsr();
      return claim((bits & isr.config) !== 0, `ISR status ${bits}`);
    },
  },
  {
    id: 'isr-config-bit-msix',
    statements: ['pci-dev-034'],
    section,
    expects: 'the Device Configuration Interrupt bit is set when the driver is told of a change by MSI-X',
    card: { pairs: 1 },
    needs: ['VIRTIO_NET_F_STATUS'],
    async run(bench) {
      const driver = await bench.start();
      await msixOf(driver).takeAll();
      await driver.transport.readIsr();
      await driver.transport.setConfigVector(0);
      await configured.cause(bench, driver);
      await message(bench, driver, 0, configured.name);
      const bits = await driver.transport.readIsr();
      return claim((bits & isr.config) !== 0, `ISR status ${bits}`);
    },
  },
  {
    id: 'isr-queue-bit',
    statements: ['pci-dev-035'],
    section,
    expects: 'without MSI-X, the Queue Interrupt bit is set when the driver is told of a used buffer',
    card: { pairs: 1 },
    async run(bench) {
      const driver = await startOnLine(bench);
      await transmitted.cause(bench, driver);
      await lineAsserted(bench, transmitted.name);
      const bits = await driver.transport.readIsr();
      return claim((bits & isr.queue) !== 0, `ISR status ${bits}`);
    },
  },
  interruptStatus(transmitted, 'isr-interrupt-status-queue'),
  interruptStatus(configured, 'isr-interrupt-status-config', ['VIRTIO_NET_F_STATUS']),
  {
    id: 'isr-read-clears',
    statements: ['pci-dev-037'],
    section,
    expects: 'a read of the ISR status resets it to 0',
    card: { pairs: 1 },
    async run(bench) {
      const driver = await startOnLine(bench);
      await transmitted.cause(bench, driver);
      if (driver.has('VIRTIO_NET_F_STATUS') && bench.target.setLink) await configured.cause(bench, driver);
      await lineAsserted(bench, 'what happened');
      const bits = await driver.transport.readIsr();
      const after = await driver.transport.readIsr();
      return claim(bits !== 0 && after === 0, `ISR status ${bits}, then ${after}`);
    },
  },
];
