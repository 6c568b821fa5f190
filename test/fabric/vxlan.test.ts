import { beforeEach, describe, expect, it } from 'vitest';
import { PortError, Sent, Switch, VxlanPort, type Datagrams, type Endpoint } from '../../src/fabric/index.js';
import { openVxlan } from '../../src/fabric/index.node.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { flowFrame } from '../support/frames.js';
import { broadcast, bytesOf, frameOf, TestCard } from './card.js';

interface Sending {
  readonly bytes: Uint8Array;
  readonly to: readonly Endpoint[];
  readonly flow: number;
}

/** Datagrams that go nowhere, or straight to the other ends of a network. */
class TestDatagrams implements Datagrams {
  receiver: Datagrams['receiver'];
  readonly maxBytes = 1600;
  sent: Sending[] = [];
  buffers = Infinity;
  closed = false;
  private readonly address: string;
  private readonly ends: Map<string, TestDatagrams>;

  constructor(address: string, ends = new Map<string, TestDatagrams>()) {
    this.address = address;
    this.ends = ends.set(address, this);
  }

  private current = new Uint8Array(this.maxBytes);

  buffer(): Uint8Array | undefined {
    return this.buffers > 0 ? this.current : undefined;
  }

  send(length: number, to: readonly Endpoint[], flow: number): void {
    this.buffers--;
    const bytes = this.current.slice(0, length);
    this.sent.push({ bytes, to: [...to], flow });
    for (const { address } of to) {
      const copy = bytes.slice();
      this.ends.get(address)?.receiver?.received(copy, this.address);
      copy.fill(0xee);
    }
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  give(buffers: number): void {
    this.buffers = buffers;
    this.receiver?.buffersFree();
  }
}

const clock = new ManualClock();
const peers = [
  { address: '10.0.0.2', port: 4789 },
  { address: '10.0.0.3', port: 4790 },
];

describe('a VXLAN port', () => {
  let datagrams: TestDatagrams;
  let vxlan: VxlanPort;
  let card: TestCard;

  beforeEach(() => {
    datagrams = new TestDatagrams('10.0.0.1');
    vxlan = new VxlanPort(datagrams, { clock, vni: 0x123456, peers });
    card = new TestCard(1).plugInto(vxlan);
    vxlan.attach(card);
  });

  const datagram = (inner: Uint8Array, vni = 0x123456, flags = 8): Uint8Array =>
    Uint8Array.from([flags, 0, 0, 0, vni >> 16, (vni >> 8) & 255, vni & 255, 0, ...inner]);

  it('puts the header of RFC 7348 before a frame', () => {
    const bytes = bytesOf(2, 1, 7, 0, 100);
    expect(card.burst([bytes])).toEqual([Sent.taken]);
    expect(datagrams.sent[0].bytes).toEqual(datagram(bytes));
  });

  it('floods to all peers what is for all, or for a station that was not heard', () => {
    card.burst([bytesOf(broadcast, 1), bytesOf(9, 1)]);
    expect(datagrams.sent.map(({ to }) => to)).toEqual([peers, peers]);
    expect(vxlan.counters()).toMatchObject({ sentDatagrams: 4, lanes: [{ inFrames: 2, floodCopies: 2 }] });
  });

  it('learns where a station is, with the port of the peer or the usual one, and forgets it in time', () => {
    datagrams.receiver!.received(datagram(bytesOf(1, 8)), '10.0.0.3');
    datagrams.receiver!.received(datagram(bytesOf(1, 9)), '10.0.0.77');
    card.burst([bytesOf(8, 1), bytesOf(9, 1)]);
    expect(datagrams.sent.map(({ to }) => to)).toEqual([[peers[1]], [{ address: '10.0.0.77', port: 4789 }]]);
    datagrams.receiver!.received(datagram(bytesOf(1, 8)), '10.0.0.2');
    card.burst([bytesOf(8, 1)]);
    expect(datagrams.sent[2].to).toEqual([peers[0]]);
    clock.advance(300_000);
    card.burst([bytesOf(8, 1)]);
    expect(datagrams.sent[3].to).toEqual(peers);
  });

  it('learns nothing when told so', () => {
    const deaf = new VxlanPort(datagrams, { clock, vni: 1, peers, learning: false });
    deaf.received(datagram(bytesOf(1, 8), 1), '10.0.0.3');
    card.plugInto(deaf).burst([bytesOf(8, 1)]);
    expect(datagrams.sent[0].to).toEqual(peers);
  });

  it('stays bounded when senders are made up', () => {
    for (let i = 0; i < 5000; i++) {
      datagrams.receiver!.received(datagram(bytesOf(1, 8)), `10.1.${i >> 8}.${i & 255}`);
    }
    card.burst([bytesOf(8, 1)]);
    expect(datagrams.sent[0].to).toEqual([{ address: '10.1.19.135', port: 4789 }]);
    expect((vxlan as unknown as { ends: Map<string, unknown> }).ends.size).toBeLessThanOrEqual(1026);
  });

  it('gives the card what came for its network alone, and counts the rest by reason', () => {
    const bytes = bytesOf(1, 8, 3);
    for (const wrong of [
      datagram(bytes, 0x123457),
      datagram(bytes, 0x123456, 0),
      datagram(new Uint8Array(13)),
      new Uint8Array(7),
      new Uint8Array(0),
    ]) {
      datagrams.receiver!.received(wrong, '10.0.0.2');
    }
    // Bits that are reserved are not looked at.
    const reserved = datagram(bytes, 0x123456, 0xff).fill(0xff, 1, 4);
    reserved[7] = 0xff;
    datagrams.receiver!.received(reserved, '10.0.0.2');
    datagrams.receiver!.burstEnded();
    expect(card.received.map((got) => got.bytes)).toEqual([bytes]);
    expect(card.flushes).toBe(1);
    const { lanes, receivedDatagrams } = vxlan.counters();
    expect(receivedDatagrams).toBe(6);
    expect(lanes[0]).toMatchObject({ outFrames: 1, dropped: { otherNetwork: 1, malformed: 3, runt: 1 } });
  });

  it('drops and counts what is longer than its MTU', () => {
    expect(card.transmit(bytesOf(9, 1, 0, 0, 1464))).toBe(Sent.taken);
    expect(card.transmit(bytesOf(9, 1, 0, 0, 1465))).toBe(Sent.dropped);
    expect(vxlan.counters().lanes[0].dropped).toEqual({ tooLong: 1 });
  });

  it('is full while there are no buffers, and says when there are', () => {
    datagrams.buffers = 2;
    expect(card.burst([1, 2, 3, 4].map((n) => bytesOf(9, 1, n)))).toEqual([0, 0, Sent.full, Sent.full]);
    datagrams.buffers = 1;
    // Nobody overtakes those who wait for the buffer.
    expect(vxlan.send(frameOf(bytesOf(9, 1, 5)))).toBe(Sent.full);
    datagrams.give(5);
    expect(card.held).toEqual([]);
    expect(datagrams.sent.map(({ bytes }) => bytes[8 + 16])).toEqual([1, 2, 3, 4]);
    expect(vxlan.counters().lanes[0]).toMatchObject({ inFrames: 4, toldFull: 3 });
  });

  it('lets a bounded number of frames wait for their receiver', () => {
    card.buffers[0] = 0;
    for (let n = 0; n < 300; n++) datagrams.receiver!.received(datagram(bytesOf(1, 8, n)), '10.0.0.2');
    expect(vxlan.counters().lanes[0]).toMatchObject({ waitingFrames: 256, dropped: { backlogFull: 44 } });
    card.give(1 << 20);
    expect(card.numbers()).toEqual(Array.from({ length: 256 }, (_, n) => n));
  });

  it('gives flows source ports of their own', () => {
    const flows = Array.from({ length: 50 }, (_, i) =>
      flowFrame({ source: 1, destination: 2, sourcePort: 1000 + i, destinationPort: 80 }),
    );
    card.burst([...flows, ...flows]);
    const hashes = datagrams.sent.map(({ flow }) => flow);
    expect(hashes.slice(50)).toEqual(hashes.slice(0, 50));
    expect(new Set(hashes.map((flow) => flow % 16)).size).toBeGreaterThan(10);
  });

  it('counts what the system can not send', () => {
    datagrams.receiver!.failed('EHOSTUNREACH');
    expect(vxlan.counters()).toMatchObject({ errors: { EHOSTUNREACH: 1 }, lanes: [{ dropped: { network: 1 } }] });
  });

  it('takes nothing more once it is closed, and lets nobody wait', async () => {
    datagrams.buffers = 0;
    card.burst([bytesOf(9, 1)]);
    await vxlan.close();
    expect(datagrams.closed).toBe(true);
    expect(card.held).toEqual([]);
    expect(vxlan.listening).toBe(false);
    expect(vxlan.counters().lanes[0].dropped).toEqual({ unconnected: 1 });
  });

  it('has each of several switches get a frame for all once, and nothing go round', () => {
    const ends = new Map<string, TestDatagrams>();
    const names = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
    const cards = names.map((name, i) => {
      const fabric = new Switch({ clock });
      const others = names.filter((other) => other !== name).map((address) => ({ address, port: 4789 }));
      const port = new VxlanPort(new TestDatagrams(name, ends), { clock, vni: 1, peers: others });
      fabric.addPort('vxlan').attach(port);
      const [outer] = (fabric as unknown as { ports: [ReturnType<Switch['addPort']>] }).ports;
      port.attach(outer);
      return new TestCard(i + 1).plugInto(fabric.addPort('card'));
    });
    cards[0].burst([bytesOf(broadcast, 1, 5), bytesOf(77, 1, 6)]);
    expect(cards.map((each) => each.numbers())).toEqual([[], [5, 6], [5, 6], [5, 6]]);
    // The answer goes straight back, and to nobody else.
    cards[2].burst([bytesOf(1, 3, 9)]);
    expect(cards.map((each) => each.numbers().length)).toEqual([1, 2, 2, 2]);
    expect([...ends.values()].map(({ sent }) => sent.map(({ to }) => to.length))).toEqual([[3, 3], [], [1], []]);
  });
});

describe('opening a VXLAN port', () => {
  it.each([
    [{ vni: 1 << 24 }, 'vni is 16777216; it must be a whole number from 0 to 16777215.'],
    [{ peers: ['example.org'] }, "'example.org' is no IP address"],
    [{ peers: ['10.0.0.1:70000'] }, 'port is 70000'],
    [{ peers: ['fe80::1%lo'] }, "'fe80::1%lo' is no IP address"],
    [{ peers: ['239.1.1.1'] }, "'239.1.1.1' is no address of one machine"],
    [{ peers: ['10.0.0.1', 'fd00::1'] }, 'all IPv4 or all IPv6'],
    [{ peers: ['10.0.0.1:1', '10.0.0.1:2'] }, '10.0.0.1 is there twice'],
    [{ peers: ['fd00::1', '[FD00:0::1]:4000'] }, 'fd00::1 is there twice'],
    [{ mtu: 67 }, 'mtu is 67'],
    [{ queue: 0 }, 'queue is 0'],
    [{ local: '192.0.2.77' }, '192.0.2.77 is no address of this machine'],
  ])('refuses %j', async (options, message) => {
    const opening = openVxlan({ clock, vni: 1, peers: ['127.0.0.9'], ...options });
    await expect(opening).rejects.toThrow(PortError);
    await expect(openVxlan({ clock, vni: 1, peers: ['127.0.0.9'], ...options })).rejects.toThrow(message);
  });

  it('says when the port is in use, and gives back what it took', async () => {
    const here = { clock, vni: 1, peers: ['127.0.0.9'], local: '127.0.0.1', port: 47_891 };
    const first = await openVxlan(here);
    await expect(openVxlan(here)).rejects.toThrow('UDP port 47891 of 127.0.0.1 is in use');
    await first.close();
    await (await openVxlan(here)).close();
  });
});
