import { addStatus, commonField, ModernTransport, status, type CommonField } from '../../../driver/index.js';
import { modernOf, type Bench } from '../bench.js';
import { claim, type Case } from '../case.js';
import { lineAsserted, transmitted } from '../events.js';
import { exchange } from '../exchange.js';
import { presence, structure } from './pciStructures.js';

const section = '4.1.4.9.1';
/** Where `pci_cfg_data` is in struct virtio_pci_cfg_cap. */
const dataOffset = 16;

/** The same card's structures by BARs and by the window. */
interface TwoWays {
  readonly bars: ModernTransport;
  readonly window: ModernTransport;
}

async function twoWays(bench: Bench): Promise<TwoWays> {
  await structure(bench.machine, 'pci');
  const bars = await bench.modern();
  return { bars, window: await ModernTransport.open(bars.card, bars.memory, { through: 'window' }) };
}

/** Fields of each width that are not 0 once a driver has said that it is there. */
const readFields = ['deviceFeature', 'numQueues', 'queueSize', 'deviceStatus'] as const;

/** Fields of each width, with values that they take in any order. */
const writtenFields: readonly (readonly [CommonField, number])[] = [
  ['deviceFeatureSelect', 0x01020304],
  ['queueSelect', 1],
  ['deviceStatus', status.acknowledge],
  ['deviceStatus', status.acknowledge | status.driver],
  // It was 256 or more: one byte alone would leave the other.
  ['queueSize', 128],
  ['queueSelect', 0],
];

/** Access through PCI configuration (virtio 4.1.4.9). */
export const windowCases: readonly Case[] = [
  presence('pci', 'pci-dev-044', section),
  {
    id: 'window-writes',
    statements: ['pci-dev-045'],
    section,
    expects: 'what is written to pci_cfg_data arrives in the structure, in 1, 2 or 4 bytes',
    async run(bench) {
      const { bars, window } = await twoWays(bench);
      await bars.writeStatus(0);
      const seen: string[] = [];
      for (const [field, value] of writtenFields) {
        await window.set(field, value);
        const held = await bars.get(field);
        seen.push(claim(held === value, `${field}: ${value} written, ${held} there`));
      }
      return seen.join('; ');
    },
  },
  {
    id: 'window-write-length',
    statements: ['pci-dev-045'],
    section,
    expects: 'of what is written to pci_cfg_data the first cap.length bytes are used, and no more',
    async run(bench) {
      const { bars, window } = await twoWays(bench);
      const { at } = await structure(bench.machine, 'pci');
      await bars.set('queueSelect', 1);
      const size = await bars.get('queueSize');
      // Aims at queue_select, behind which is queue_size.
      await window.get('queueSelect');
      await bars.set('queueSelect', 0);
      await bars.card.write(at + dataOffset, 4, 0x00020001);
      const [select, after] = [await bars.get('queueSelect'), await bars.get('queueSize')];
      const seen = `4 bytes written with length 2: queue_select ${select}, queue_size behind it ${size}, then ${after}`;
      return claim(select === 1 && after === size, seen);
    },
  },
  {
    id: 'window-reads',
    statements: ['pci-dev-046'],
    section,
    expects: 'what is read from pci_cfg_data is what the structure has there, in 1, 2 or 4 bytes',
    async run(bench) {
      const { bars, window } = await twoWays(bench);
      await bars.writeStatus(0);
      await addStatus(bars, status.acknowledge);
      await addStatus(bars, status.driver);
      await bars.set('deviceFeatureSelect', 0);
      await bars.set('queueSelect', 0);
      const seen: string[] = [];
      for (const field of readFields) {
        const [direct, through] = [await bars.get(field), await window.get(field)];
        const { width } = commonField[field];
        seen.push(
          claim(direct === through && direct !== 0, `${field} (${width}): ${direct}, by the window ${through}`),
        );
      }
      return seen.join('; ');
    },
  },
  {
    id: 'window-read-is-a-read',
    statements: ['pci-dev-046'],
    section,
    expects: 'a read through pci_cfg_data is a read of the structure, with its effects: the ISR status is cleared',
    card: { pairs: 1 },
    async run(bench) {
      const driver = await bench.start({ interrupts: 'intx' });
      const bars = modernOf(driver);
      const window = await ModernTransport.open(bars.card, bars.memory, { through: 'window' });
      await bars.readIsr();
      await transmitted.cause(bench, driver);
      await lineAsserted(bench, transmitted.name);
      const [through, after] = [await window.readIsr(), await bars.readIsr()];
      return claim(through === 1 && after === 0, `ISR status ${through} by the window, and then ${after}`);
    },
  },
  {
    id: 'window-whole-driver',
    statements: ['pci-dev-045', 'pci-dev-046'],
    section,
    expects: 'all structures can be reached through pci_cfg_data, so that a driver needs no other way',
    card: { pairs: 1 },
    async run(bench) {
      const driver = await bench.start({ through: 'window', interrupts: 'intx' });
      await exchange(bench, driver);
      return 'set up, notified and driven so, the card sent and received packets';
    },
  },
];
