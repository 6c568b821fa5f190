import { noVector, reset, type NetDriver } from '../../../driver/index.js';
import { modernOf, type Bench } from '../bench.js';
import { claim, type Case } from '../case.js';
import { commanded, configured, message, msixOf, received, transmitted, type CardEvent } from '../events.js';

const section = '4.1.5.1.2.1';
const leastVectors = 2;
const mostVectors = 0x800;

/** A driver on one pair, with the events of its card. */
interface Events {
  readonly driver: NetDriver;
  readonly size: number;
  readonly events: readonly CardEvent[];
}

async function start(bench: Bench): Promise<Events> {
  const driver = await bench.start();
  const { size } = msixOf(driver);
  const changes = driver.has('VIRTIO_NET_F_STATUS') && bench.target.setLink ? [configured] : [];
  const events = [received, transmitted, ...(driver.control ? [commanded] : []), ...changes];
  return { driver, size, events };
}

/** No message is left from what was before. */
async function settled(bench: Bench, driver: NetDriver): Promise<void> {
  await bench.quiet();
  await msixOf(driver).takeAll();
}

/** Shows that events are told of while they are mapped to a vector, and not while they are mapped to none. */
function unmapped(id: string, statement: string, sectionOf: string, event: CardEvent, needs: Case['needs'] = []): Case {
  return {
    id,
    statements: [statement],
    section: sectionOf,
    expects: `with MSI-X enabled and no vector, no interrupt is delivered: ${event.name}`,
    card: { pairs: 1 },
    needs,
    async run(bench) {
      const { driver } = await start(bench);
      await settled(bench, driver);
      await event.map(driver, 1);
      await event.cause(bench, driver);
      await message(bench, driver, 1, event.name);
      await event.map(driver, noVector);
      await settled(bench, driver);
      await event.cause(bench, driver);
      await bench.quiet();
      const messages = await msixOf(driver).takeAll();
      const line = await bench.machine.lineAsserted();
      const seen = `mapped: a message; with no vector: ${messages.length} messages, the line ${line ? 'asserted' : 'released'}`;
      return claim(messages.length === 0 && !line, seen);
    },
  };
}

/** MSI-X vectors (virtio 4.1.5.1.2). */
export const vectorCases: readonly Case[] = [
  {
    id: 'msix-vector-count',
    statements: ['pci-dev-047'],
    section,
    expects: 'a device with MSI-X has 2 to 2048 vectors',
    async run(bench) {
      const { size } = await start(bench);
      return claim(size >= leastVectors && size <= mostVectors, `${size} vectors`);
    },
  },
  {
    id: 'msix-table-size',
    statements: ['pci-dev-048'],
    section,
    expects: 'Table Size is the number of vectors: events map to each of them, and to none beyond',
    card: { pairs: 1 },
    async run(bench) {
      const { driver, size } = await start(bench);
      const mapped: number[] = [];
      for (let vector = 0; vector < size; vector++) mapped.push(await transmitted.map(driver, vector));
      const beyond = await transmitted.map(driver, size);
      const seen = `${size} vectors: mapped to ${mapped.join(', ')}; to ${size}: 0x${beyond.toString(16)}`;
      return claim(mapped.every((vector, index) => vector === index) && beyond === noVector, seen);
    },
  },
  {
    id: 'msix-table-size-of-use',
    statements: ['pci-dev-049'],
    section,
    expects: 'there are no more vectors than events: one for each queue, and one for the configuration',
    async run(bench) {
      const { driver, size } = await start(bench);
      const queues = await modernOf(driver).queueCount();
      return claim(size <= queues + 1, `${size} vectors for ${queues} queues and the configuration`);
    },
  },
  {
    id: 'msix-any-event-any-vector',
    statements: ['pci-dev-050'],
    section,
    expects: 'each kind of event can be mapped to each vector, and is told of by that one',
    card: { pairs: 1 },
    async run(bench) {
      const { driver, size, events } = await start(bench);
      for (const event of events) await event.map(driver, noVector);
      for (const event of events) {
        for (let vector = 0; vector < size; vector++) {
          await settled(bench, driver);
          await event.map(driver, vector);
          await event.cause(bench, driver);
          await message(bench, driver, vector, event.name);
          const others = await msixOf(driver).takeAll();
          claim(others.length === 0, `${event.name} mapped to ${vector}: messages of ${others.join(', ')} too`);
        }
        await event.map(driver, noVector);
      }
      return `${events.map(({ name }) => name).join(', ')}: each by each of ${size} vectors`;
    },
  },
  {
    id: 'msix-unmap',
    statements: ['pci-dev-051'],
    section,
    expects: 'each kind of event can be unmapped, and mapped again',
    card: { pairs: 1 },
    async run(bench) {
      const { driver, events } = await start(bench);
      for (const event of events) {
        await event.map(driver, 1);
        const held = await event.map(driver, noVector);
        await settled(bench, driver);
        await event.cause(bench, driver);
        await bench.quiet();
        const { length } = await msixOf(driver).takeAll();
        claim(held === noVector && length === 0, `${event.name}: vector 0x${held.toString(16)}, ${length} messages`);
        await event.map(driver, 1);
        await event.cause(bench, driver);
        await message(bench, driver, 1, `${event.name}, mapped again`);
      }
      return `${events.map(({ name }) => name).join(', ')}: no message while unmapped`;
    },
  },
  {
    id: 'msix-mapped-vector',
    statements: ['pci-dev-052'],
    section,
    expects: 'the vector registers show the vector of the event, and no vector while there is none',
    card: { pairs: 1 },
    async run(bench) {
      const { driver, size, events } = await start(bench);
      const read = async (): Promise<number[]> => {
        const vectors: number[] = [];
        for (const event of events) vectors.push(await event.mapped(driver));
        return vectors;
      };
      const wanted = events.map((_, index) => size - 1 - (index % size));
      for (const [index, event] of events.entries()) await event.map(driver, wanted[index]);
      const mapped = await read();
      for (const event of events) await event.map(driver, noVector);
      const none = await read();
      const seen = `mapped to ${wanted.join()}: ${mapped.join()}; to no vector: ${none.join()}`;
      return claim(mapped.join() === wanted.join() && none.every((vector) => vector === noVector), seen);
    },
  },
  {
    id: 'msix-unmapped-after-reset',
    statements: ['pci-dev-053'],
    section,
    expects: 'no event is mapped after a reset',
    async run(bench) {
      const { driver } = await start(bench);
      const transport = modernOf(driver);
      const vectors = async (): Promise<number[]> => {
        const found = [await transport.get('configMsixVector')];
        for (const { index } of driver.queues) {
          await transport.set('queueSelect', index);
          found.push(await transport.get('queueMsixVector'));
        }
        return found;
      };
      const before = await vectors();
      await reset(transport);
      const after = await vectors();
      const seen = `vectors ${before.join(', ')}; after the reset ${after.join(', ')}`;
      return claim(!before.includes(noVector) && after.every((vector) => vector === noVector), seen);
    },
  },
  {
    id: 'msix-mapping-succeeds',
    statements: ['pci-dev-054'],
    section,
    expects: 'all events can be mapped at once, each to a vector of its own as far as there are, or all to one',
    async run(bench) {
      const { driver, size } = await start(bench);
      const transport = modernOf(driver);
      const map = async (choose: (index: number) => number): Promise<boolean> => {
        const held = [(await transport.setConfigVector(choose(0))) === choose(0)];
        for (const [index, queue] of driver.queues.entries()) {
          held.push((await transport.setQueueVector(queue.index, choose(index + 1))) === choose(index + 1));
        }
        return held.every(Boolean);
      };
      const own = await map((index) => index % size);
      const one = await map(() => size - 1);
      const events = driver.queues.length + 1;
      return claim(own && one, `${events} events: to vectors of their own ${own}, to one vector ${one}`);
    },
  },
  {
    id: 'msix-mapping-failure',
    statements: ['pci-dev-055'],
    section,
    expects: 'a vector that can not be had reads back as no vector',
    card: { pairs: 1 },
    async run(bench) {
      const { driver, size } = await start(bench);
      const seen: string[] = [];
      for (const vector of [size, size + 1, mostVectors, 0xfffe]) {
        for (const event of [transmitted, configured]) {
          await event.map(driver, 0);
          const held = await event.map(driver, vector);
          seen.push(claim(held === noVector, `${event.name} to ${vector} of ${size}: 0x${held.toString(16)}`));
        }
      }
      return seen[0];
    },
  },
  unmapped('msix-no-vector-queue', 'pci-dev-056', '4.1.5.3.1', transmitted),
  unmapped('msix-no-vector-config', 'pci-dev-057', '4.1.5.4.1', configured, ['VIRTIO_NET_F_STATUS']),
];
