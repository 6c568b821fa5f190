import { describe, expect, it } from 'vitest';

import { commands, openModern, pciCommand, readNetConfig, status } from '../../../src/driver/index.js';
import { faults } from '../../../src/lab/faults/index.js';
import { frame, received, setting } from './setting.js';

/** Both layouts of a ring. */
const layouts = [
  { layout: 'split', except: ['VIRTIO_F_RING_PACKED', 'VIRTIO_F_IN_ORDER'] },
  { layout: 'packed', except: ['VIRTIO_F_IN_ORDER'] },
] as const;

describe('faults of interrupts', () => {
  it('interrupt-lost: the packet is there, and nobody says so', async () => {
    const { target, start, seen } = setting('interrupt-lost', { queue: 'input.0', times: 1 });
    const driver = await start();
    await target.wire.send(frame(1));
    expect((await driver.interrupts()).queues).toEqual([]);
    expect(await received(driver)).toEqual([1]);
    await target.wire.send(frame(2));
    expect((await driver.interrupts()).queues).toEqual([driver.receivers[0].queue]);
    expect(seen).toEqual([{ fault: 'interrupt-lost', queue: 'input.0', time: 0 }]);
  });

  it('interrupt-duplicate: the vector fires twice', async () => {
    const { target, start } = setting('interrupt-duplicate', { queue: 'input.0' });
    await start();
    const before = target.function.msix.fired[1];
    await target.wire.send(frame(1));
    expect(target.function.msix.fired[1]).toBe(before + 2);
  });

  it('interrupt-delayed: it comes when its time does', async () => {
    const { target, start } = setting('interrupt-delayed', { delay: 30, queue: 'input.0' });
    const driver = await start();
    await target.wire.send(frame(1));
    await target.machine.advance(29);
    expect((await driver.interrupts()).queues).toEqual([]);
    await target.machine.advance(1);
    expect((await driver.interrupts()).queues.length).toBe(1);
  });

  it('interrupt-early: the packet comes behind its interrupt', async () => {
    const { target, start } = setting('interrupt-early', { queue: 'input.0' });
    const driver = await start();
    await target.wire.send(frame(1));
    expect((await driver.interrupts()).queues.length).toBe(1);
    expect(await received(driver)).toEqual([]);
    await target.machine.advance(1);
    expect((await driver.interrupts()).queues).toEqual([]);
    expect(await received(driver)).toEqual([1]);
  });

  it('interrupt-storm: a thousand interrupts follow one', async () => {
    const { target, start } = setting('interrupt-storm', { queue: 'input.0' });
    await start();
    await target.wire.send(frame(1));
    const before = target.function.msix.fired[1];
    await target.machine.advance(10);
    expect(target.function.msix.fired[1]).toBe(before + 10);
    await target.machine.advance(5000);
    expect(target.function.msix.fired[1]).toBe(before + 1000);
  });

  it('config-interrupt-lost: the link went down, and nobody says so', async () => {
    const { target, start } = setting('config-interrupt-lost');
    const driver = await start();
    target.device.setLink(false);
    expect(await driver.interrupts()).toMatchObject({ config: false });
    expect((await readNetConfig(driver.transport, driver.features)).status).toBe(0);
  });

  it('isr-zero: the line is asserted for no reason', async () => {
    const { target, start } = setting('isr-zero', { times: 1 });
    const driver = await start({ interrupts: 'intx' });
    await target.wire.send(frame(1));
    expect(await target.machine.lineAsserted()).toBe(true);
    expect(await driver.transport.readIsr()).toBe(0);
  });

  it('vector-refused: the vector reads back as none', async () => {
    const { target, start, seen } = setting('vector-refused', { queue: 'input.0' });
    await expect(start()).rejects.toThrow(/vector/);
    expect(seen.length).toBe(1);
    const all = setting('vector-refused');
    const transport = await openModern(all.target.machine);
    await transport.msix!.enable();
    expect(await transport.setConfigVector(0)).toBe(0xffff);
    expect(target.function.interrupts.getQueueVector(0)).toBe(0xffff);
  });

  it('notification-lost: what was sent goes out with the next notification', async () => {
    const { target, start } = setting('notification-lost', { queue: 'output.0', times: 1 });
    const driver = await start();
    await driver.send(0, [frame(1)]);
    expect(await target.wire.take()).toEqual([]);
    await driver.transmitters[0].queue.notify();
    expect((await target.wire.take()).length).toBe(1);
  });

  it('notification-delayed: what was sent goes out later', async () => {
    const { target, start } = setting('notification-delayed', { queue: 'output.0', delay: 20 });
    const driver = await start();
    await driver.send(0, [frame(1)]);
    await target.machine.advance(19);
    expect(await target.wire.take()).toEqual([]);
    await target.machine.advance(1);
    expect((await target.wire.take()).length).toBe(1);
  });
});

describe.each(layouts)('faults of used buffers, $layout ring', ({ except }) => {
  it('completion-lost: a packet is sent, and its buffer stays away', async () => {
    const { target, start } = setting('completion-lost', { queue: 'output.0', times: 1 });
    const driver = await start({ except });
    await driver.send(0, [frame(1), frame(2)]);
    expect((await target.wire.take()).length).toBe(2);
    expect(await driver.transmitters[0].reclaim()).toBe(1);
    expect(driver.transmitters[0].outstanding).toBe(1);
  });

  it('completion-delayed: packets come later, in their order', async () => {
    const { target, start } = setting('completion-delayed', { queue: 'input.0', times: 1 });
    const driver = await start({ except, receive: { bufferBytes: 200 } });
    await target.wire.send(frame(1, 300), frame(2));
    await target.wire.send(frame(3));
    expect(await received(driver)).toEqual([]);
    expect((await driver.interrupts()).queues).toEqual([]);
    await target.machine.advance(100);
    expect((await driver.interrupts()).queues.length).toBe(1);
    expect(await received(driver)).toEqual([1, 2, 3]);
    await target.wire.send(frame(4));
    expect(await received(driver)).toEqual([4]);
  });

  it('completion-reordered: a whole packet comes behind the next', async () => {
    const { target, start, count } = setting('completion-reordered', { queue: 'input.0', every: 2 });
    const driver = await start({ except, receive: { bufferBytes: 200 } });
    await target.wire.send(frame(1, 300), frame(2, 300), frame(3));
    expect(await received(driver)).toEqual([2, 1, 3]);
    await target.wire.send(frame(4));
    expect(await received(driver)).toEqual([]);
    await target.machine.advance(100);
    expect((await driver.interrupts()).queues.length).toBe(1);
    expect(await received(driver)).toEqual([4]);
    expect(count()).toBe(2);
  });

  it('completion-reordered: not where the driver was promised an order', async () => {
    const { target, start, count } = setting('completion-reordered');
    const driver = await start({ except: except.filter((name) => name !== 'VIRTIO_F_IN_ORDER') });
    await target.wire.send(frame(1), frame(2));
    expect(await received(driver)).toEqual([1, 2]);
    expect(count()).toBe(0);
  });

  it('used-length-short: half the packet is missing', async () => {
    const { target, start } = setting('used-length-short', { queue: 'input.0' });
    const driver = await start({ except });
    await target.wire.send(frame(1, 300));
    const [packet] = await driver.receive();
    expect(packet.lengths.reduce((sum, length) => sum + length)).toBeLessThan(300);
  });

  it('used-length-long: the driver sees more than its buffer holds', async () => {
    const { target, start } = setting('used-length-long', { queue: 'input.0' });
    const driver = await start({ except });
    await target.wire.send(frame(1));
    await expect(driver.receive()).rejects.toThrow(/bytes in a buffer of/);
  });

  it('used-id-out-of-range: the driver never gave such a buffer', async () => {
    const { target, start } = setting('used-id-out-of-range', { queue: 'input.0' });
    const driver = await start({ except });
    await target.wire.send(frame(1));
    await expect(driver.receive()).rejects.toThrow('the device used buffer 65535, which it was not given');
  });

  it('used-id-stale: a buffer comes back twice', async () => {
    const { target, start } = setting('used-id-stale', { queue: 'input.0' });
    const driver = await start({ except });
    await target.wire.send(frame(1));
    expect(await received(driver)).toEqual([]);
    await target.wire.send(frame(2));
    await expect(driver.receive()).rejects.toThrow(/which it was not given/);
  });
});

describe('faults of packet headers', () => {
  it('num-buffers-zero, num-buffers-large: a packet in none, or in buffers that never come', async () => {
    const none = setting('num-buffers-zero');
    const driver = await none.start();
    await none.target.wire.send(frame(1));
    await expect(driver.receive()).rejects.toThrow('a packet that came in no buffers');
    const many = setting('num-buffers-large', { times: 1 });
    const second = await many.start();
    await many.target.wire.send(frame(1));
    expect(await received(second)).toEqual([]);
  });

  it('header-checksum-wrong: the checksum lies beyond the packet', async () => {
    const { target, start } = setting('header-checksum-wrong', { times: 1 });
    const driver = await start();
    await target.wire.send(frame(1), frame(2));
    const packets = await driver.receive();
    expect(packets.map(({ header }) => header.flags)).toEqual([1, 0]);
    expect(packets[0].header).toMatchObject({ checksumStart: 0xfff0, checksumOffset: 0xfff0 });
  });

  it('header-gso-wrong: a kind that there is not', async () => {
    const { target, start } = setting('header-gso-wrong');
    const driver = await start();
    await target.wire.send(frame(1));
    expect((await driver.receive())[0].header.gsoType).toBe(0x1f);
  });

  it('packet-corrupted: the last byte is another, and the header swears to it', async () => {
    const { target, start } = setting('packet-corrupted');
    const driver = await start({ receive: { cuts: [5, 30] } });
    await target.wire.send(frame(1));
    const [{ frame: bytes, header }] = await driver.receive();
    expect([bytes.at(-1), header.flags]).toEqual([0xfe, 2]);
    expect(bytes.slice(0, -1)).toEqual(frame(1).slice(0, -1));
  });
});

describe('faults of the control queue', () => {
  it('control-refused: the command fails, and nothing comes of it', async () => {
    const { target, start } = setting('control-refused', { times: 1 });
    const driver = await start();
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 9);
    const before = target.device.mac;
    expect((await driver.control!.send(commands.setMacAddress(mac))).ack).toBe(1);
    expect(target.device.mac).toBe(before);
    expect((await driver.control!.send(commands.setMacAddress(mac))).ack).toBe(0);
    expect(target.device.mac).toBe('02:00:00:00:00:09');
  });

  it('control-ack-garbage: the answer is neither yes nor no', async () => {
    const driver = await setting('control-ack-garbage').start();
    expect((await driver.control!.send(commands.addVlan(5))).ack).toBe(0x55);
  });

  it('control-unanswered: the driver waits in vain', async () => {
    const driver = await setting('control-unanswered').start();
    await expect(driver.control!.send(commands.addVlan(5), { patience: 20 })).rejects.toThrow(/no answer to a command/);
  });
});

describe('faults that a driver meets while it starts', () => {
  const word = async (fault: string, select: number): Promise<number> => {
    const transport = await openModern(setting(fault).target.machine);
    return transport.offeredWord(select);
  };

  it('offer-without-…: a feature without what it requires', async () => {
    const controlQueue = await word('offer-without-ctrl-vq', 0);
    expect([(controlQueue >>> 17) & 1, (controlQueue >>> 18) & 1]).toEqual([0, 1]);
    const checksum = await word('offer-without-csum', 0);
    expect([checksum & 1, (checksum >>> 11) & 1]).toEqual([0, 1]);
    expect((await word('offer-without-version-1', 1)) & 1).toBe(0);
  });

  it('features-ok-refused: the driver reads that it was not taken', async () => {
    await expect(setting('features-ok-refused').start()).rejects.toThrow(/FEATURES_OK|features/i);
  });

  it('reset-endless: the status never reads as 0, or not for a while', async () => {
    const endless = setting('reset-endless', { delay: 50 });
    const transport = await openModern(endless.target.machine);
    await transport.writeStatus(0);
    expect(await transport.readStatus()).toBe(status.acknowledge);
    await endless.target.machine.advance(50);
    expect(await transport.readStatus()).toBe(0);
  });

  it('queue-size-zero: a queue that there is has none', async () => {
    const transport = await openModern(setting('queue-size-zero', { queue: 'output.0' }).target.machine);
    expect([await transport.queueSize(0), await transport.queueSize(1)]).toEqual([256, 0]);
  });

  it.each([
    ['mac-zero', { mac: new Uint8Array(6) }],
    ['max-pairs-zero', { maxVirtqueuePairs: 0 }],
    ['max-pairs-large', { maxVirtqueuePairs: 0x8001 }],
    ['mtu-zero', { mtu: 0 }],
  ] as const)('%s: the driver reads that', async (fault, expected) => {
    const { start } = setting('interrupt-lost', { after: 1e6 });
    const { features } = await start();
    const transport = await openModern(setting(fault).target.machine);
    expect(await readNetConfig(transport, features)).toMatchObject(expected);
  });

  it('shows a field byte by byte as it does in one piece', async () => {
    const { target } = setting('max-pairs-large', { times: 1 });
    const transport = await openModern(target.machine);
    expect([await transport.readConfig(8, 1), await transport.readConfig(9, 1)]).toEqual([0x01, 0x80]);
    expect([await transport.readConfig(8, 1), await transport.readConfig(9, 1)]).toEqual([1, 0]);
  });

  it('config-changes-mid-read: the driver reads again, and has the new address', async () => {
    const { target, start, count } = setting('config-changes-mid-read');
    const driver = await start();
    expect([...driver.config.mac!]).toEqual([0x52, 0xab, 0xff, 0xed, 0xcb, 0xa9]);
    expect(target.device.mac).toBe('52:ab:ff:ed:cb:a9');
    expect(count()).toBe(1);
  });

  it('config-torn: the driver has half of each address, and can not know', async () => {
    const { target, start } = setting('config-torn');
    const driver = await start();
    expect([...driver.config.mac!]).toEqual([0x52, 0x54, 0x00, 0x12, 0xcb, 0xa9]);
    expect(target.device.mac).toBe('52:ab:ff:ed:cb:a9');
  });
});

describe('faults of the whole device', () => {
  it('needs-reset: it says so, and a reset cures it', async () => {
    const { target, start } = setting('needs-reset', { time: 5000 });
    const driver = await start();
    await target.machine.advance(4999);
    expect(await driver.transport.readStatus()).toBe(0x0f);
    await target.machine.advance(1);
    expect(await driver.transport.readStatus()).toBe(0x4f);
    expect((await driver.interrupts()).config).toBe(true);
    const again = await start();
    await target.wire.send(frame(1));
    expect(await received(again)).toEqual([1]);
  });

  it('gone: everything reads as all ones', async () => {
    const { target, start, injection } = setting('gone');
    const driver = await start();
    await target.wire.send(frame(1));
    await target.machine.advance(0);
    expect(await driver.transport.readStatus()).toBe(0xff);
    expect(await driver.transport.readConfig(8, 2)).toBe(0xffff);
    expect(await driver.transport.card.read(0, 4)).toBe(0xffffffff);
    await driver.transport.card.write(4, 2, pciCommand.memory);
    await driver.interrupts();
    await target.wire.send(frame(2));
    await driver.send(0, [frame(3)]);
    expect(await target.wire.take()).toEqual([]);
    expect((await driver.interrupts()).queues).toEqual([]);
    injection.stop();
    const again = await start();
    await target.wire.send(frame(4));
    expect(await received(again)).toEqual([4]);
  });

  it('link-flap: the link goes and comes', async () => {
    const { target, start } = setting('link-flap', { after: 1, delay: 300 });
    const driver = await start();
    await target.wire.send(frame(1));
    await target.wire.send(frame(2));
    await target.machine.advance(0);
    expect(target.device.linkUp).toBe(false);
    expect((await driver.interrupts()).config).toBe(true);
    await target.machine.advance(300);
    expect(target.device.linkUp).toBe(true);
  });

  it('transmit-stalled: the queue takes nothing more, for a while', async () => {
    const { target, start } = setting('transmit-stalled', { delay: 1000 });
    const driver = await start();
    await driver.send(0, [frame(1)]);
    await target.wire.take();
    await driver.send(0, [frame(2)]);
    expect(await target.wire.take()).toEqual([]);
    await target.machine.advance(1000);
    expect((await target.wire.take()).length).toBe(1);
  });
});

describe('the list of faults', () => {
  it('has each name once, in kebab-case, with a sentence and a section', () => {
    expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length);
    for (const { name, does, expects, spec } of faults) {
      expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(spec).toMatch(/^\d/);
      expect([does, expects].every((text) => text.length > 10 && !text.endsWith('.'))).toBe(true);
    }
  });

  it('has those take a delay that say what it does', () => {
    for (const { name, does, takesDelay = false } of faults) expect(does.includes('`delay`'), name).toBe(takesDelay);
  });
});
