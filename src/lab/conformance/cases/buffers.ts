import {
  commands,
  encodeHeader,
  gso,
  headerBytes,
  headerFlag,
  type NetDriver,
  type PacketHeader,
} from '../../../driver/index.js';
import { cut } from '../../../driver/net/control.js';
import { claim, Skipped, type Case } from '../case.js';
import { outgoing, incoming, sameFrames, sentFrames } from '../exchange.js';
import { pattern, unsummed } from '../packets.js';
import { macOf, peer, same } from '../reception.js';
import { usedBuffers } from '../rings.js';

const layouts = ['split', 'packed'] as const;
type Layout = (typeof layouts)[number];
const needed = { split: [], packed: ['VIRTIO_F_RING_PACKED'] } as const;
const card = { pairs: 1 };

/** Ways to lay out a packet with its header, each the lengths of all elements but the last. */
const packetCuts: readonly (readonly number[])[] = [
  [],
  [12],
  [12, 14],
  [1],
  [5, 9],
  [10, 2, 6, 6, 2],
  [26, 100],
  [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
];

/** Class and command are the first two bytes of a command. */
const commandCuts: readonly (readonly number[])[] = [[], [1], [1, 1], [2], [2, 3], [3, 1, 1], [1, 1, 1, 1, 1, 1, 1]];

const frameBytes = 300;

/** Message framing (virtio 2.7.4), which is the same for both layouts. */
export const framingCases: readonly Case[] = layouts.flatMap((ring): Case[] => [
  {
    id: `framing-transmit-${ring}`,
    statements: ['split-dev-001'],
    section: '2.7.4.1',
    expects: 'a packet is transmitted however it and its header are cut into descriptors',
    card,
    needs: needed[ring],
    async run(bench) {
      const driver = await bench.start({ ring });
      const frames = outgoing(driver, packetCuts.length, frameBytes);
      for (const [i, cuts] of packetCuts.entries()) {
        await driver.send(0, [frames[i]], { cuts });
        await driver.sent(0);
        const sent = await sentFrames(bench, 1);
        claim(sameFrames(sent, [frames[i]]), `cut at ${cuts.join(', ')} bytes, another packet was transmitted`);
      }
      return `${packetCuts.length} arrangements of 1 to 13 descriptors transmitted as they are`;
    },
  },
  {
    id: `framing-receive-${ring}`,
    statements: ['split-dev-001'],
    section: '2.7.4.1',
    expects: 'a packet is received however the buffer for it and its header is cut into descriptors',
    card,
    needs: needed[ring],
    async run(bench) {
      for (const cuts of packetCuts) {
        const driver = await bench.start({ ring, receive: { cuts } });
        const frames = incoming(driver, 2, frameBytes);
        // As many as there are buffers; a ring of 16 entries has one of 13 elements.
        const received: Uint8Array[] = [];
        for (const frame of frames) {
          await bench.wire.send(frame);
          received.push(...(await driver.packets(1)).map((packet) => packet.frame));
        }
        claim(sameFrames(received, frames), `cut at ${cuts.join(', ')} bytes, other packets were received`);
        await driver.stop();
      }
      return `packets received in ${packetCuts.length} arrangements of 1 to 13 descriptors`;
    },
  },
  {
    id: `framing-control-${ring}`,
    statements: ['split-dev-001'],
    section: '2.7.4.1',
    expects: 'a command is carried out however it is cut into descriptors',
    card,
    needs: ['VIRTIO_NET_F_CTRL_MAC_ADDR', ...needed[ring]],
    async run(bench) {
      const driver = await bench.start({ ring });
      for (const [i, cuts] of commandCuts.entries()) {
        const mac = Uint8Array.of(0x52, 0x54, 0, 0xaa, 0xbb, i);
        const { ack } = await driver.control!.send(commands.setMacAddress(mac), { cuts });
        claim(ack === commands.ack.ok, `cut at ${cuts.join(', ')} bytes, the command is answered ${ack}`);
        const last = await driver.transport.readConfig(5, 1);
        claim(last === i, `cut at ${cuts.join(', ')} bytes, the command has no effect`);
      }
      return `${commandCuts.length} arrangements of 1 to 8 descriptors carried out`;
    },
  },
]);

/** What a device only reads (virtio 2.7.5.1, 2.8.15). */
export function readableBufferCase(ring: Layout, statement: string, section: string): Case {
  return {
    id: `buffer-readable-unwritten-${ring}`,
    statements: [statement],
    section,
    expects: 'what the device may only read is afterwards as it was, also where it leaves something to be filled in',
    needs: needed[ring],
    async run(bench) {
      const driver = await bench.start({ ring });
      const packets = packetsToFinish(driver);
      for (const { name, bytes } of packets) {
        await claimUnwritten(driver, name, bytes);
        await bench.fromCard(1);
      }
      return `${packets.map(({ name }) => name).join(', ')}: transmitted, and nothing of them written`;

      async function claimUnwritten(
        { transport, transmitters: [{ queue }] }: NetDriver,
        name: string,
        bytes: Uint8Array,
      ) {
        const address = await transport.memory.store(bytes);
        await queue.add(cut(address, bytes.length, [headerBytes(driver.features)]));
        await queue.kick();
        await usedBuffers(bench, queue.ring, 1);
        const now = await bench.machine.readBytes(address, bytes.length);
        claim(same(now, bytes), `${name}: written in the buffer of the driver`);
      }
    },
  };
}

/** The same of commands. */
export function readableCommandCase(ring: Layout, statement: string, section: string): Case {
  return {
    id: `buffer-command-unwritten-${ring}`,
    statements: [statement],
    section,
    expects: 'the device writes its answer, and nothing of the command',
    card,
    needs: ['VIRTIO_NET_F_CTRL_VQ', ...needed[ring]],
    async run(bench) {
      const driver = await bench.start({ ring });
      const { transport, control } = driver;
      if (!control) throw new Skipped('the driver has no control queue');
      const seen: number[] = [];
      for (const command of someCommands(driver)) {
        const bytes = Uint8Array.of(command.kind, command.command, ...command.data);
        const address = await transport.memory.store(bytes);
        const reply = await transport.memory.store(Uint8Array.of(unanswered));
        await control.queue.add([...cut(address, bytes.length, [2]), { address: reply, length: 1, writable: true }]);
        await control.queue.kick();
        await usedBuffers(bench, control.queue.ring, 1);
        const [ack] = await bench.machine.readBytes(reply, 1);
        claim(ack !== unanswered, `command ${command.kind}.${command.command} was not answered`);
        const now = await bench.machine.readBytes(address, bytes.length);
        claim(same(now, bytes), `something of command ${command.kind}.${command.command} was written`);
        seen.push(ack);
      }
      return `${seen.length} commands answered ${seen.join(', ')}, and nothing of them written`;
    },
  };
}

const unanswered = 0xee;

/** Right ones and one that no device knows. */
function someCommands(driver: NetDriver): commands.Command[] {
  return [
    commands.setMacAddress(Uint8Array.from(macOf(driver))),
    commands.setMacTable([Uint8Array.from(peer)], []),
    { kind: 0xc8, command: 7, data: pattern(20), resultBytes: 0 },
  ];
}

/** Packets that a device might be tempted to finish where they are. */
function packetsToFinish(driver: NetDriver): { name: string; bytes: Uint8Array }[] {
  const packet = (name: string, header: Partial<PacketHeader>, frame: Uint8Array) => ({
    name,
    bytes: Uint8Array.of(...encodeHeader(header, headerBytes(driver.features)), ...frame),
  });
  const packets = [packet('a plain packet', {}, outgoing(driver, 1)[0])];
  const shape = { to: peer, from: macOf(driver) };
  if (driver.has('VIRTIO_NET_F_CSUM')) {
    const { bytes, checksumStart, checksumOffset } = unsummed({ ...shape, payload: pattern(400) });
    const header = { flags: headerFlag.needsChecksum, checksumStart, checksumOffset };
    packets.push(packet('one without its checksum', header, bytes));
  }
  if (driver.has('VIRTIO_NET_F_HOST_TSO4')) {
    const tcp = unsummed({ ...shape, transport: 'tcp', payload: pattern(2500) });
    const { bytes, checksumStart, checksumOffset, payloadStart } = tcp;
    const header = {
      flags: headerFlag.needsChecksum,
      gsoType: gso.tcp4,
      gsoSize: 1000,
      headerLength: payloadStart,
      checksumStart,
      checksumOffset,
    };
    packets.push(packet('one to be cut into segments', header, bytes));
  }
  return packets;
}
