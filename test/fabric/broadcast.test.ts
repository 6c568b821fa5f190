import { describe, expect, it } from 'vitest';

import { BroadcastPort, inBrowserChannel, Switch, type BroadcastChannelLike } from '../../src/fabric/index.js';
import { connect, Sent } from '../../src/net/link/port.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { bytesOf, frameOf, sequenceOf, TestCard } from './card.js';

type Listener = (event: { readonly data: unknown }) => void;

class TestChannel implements BroadcastChannelLike {
  readonly name = inBrowserChannel(3);
  readonly posted: Uint8Array[] = [];
  readonly listeners = new Set<Listener>();
  closed = false;

  postMessage(message: unknown): void {
    this.posted.push(message as Uint8Array);
  }

  addEventListener(_: 'message', listener: Listener): void {
    this.listeners.add(listener);
  }

  removeEventListener(_: 'message', listener: Listener): void {
    this.listeners.delete(listener);
  }

  close(): void {
    this.closed = true;
  }

  deliver(data: unknown): void {
    for (const listener of this.listeners) listener({ data });
  }
}

function scene(burstBytes?: number) {
  const clock = new ManualClock();
  const fabric = new Switch({ clock });
  const channel = new TestChannel();
  const port = new BroadcastPort(channel, { clock, ...(burstBytes !== undefined && { burstBytes }) });
  connect(port, fabric.addPort('pages'));
  const card = new TestCard(1).plugInto(fabric.addPort('card'));
  return { clock, channel, port, card };
}

describe('a port to a BroadcastChannel', () => {
  it('posts each frame as a message of its own bytes, and gives on what comes', async () => {
    const { channel, port, card } = scene();
    expect(port.name).toBe('v86-inbrowser-3');
    card.burst([bytesOf(9, 1, 1), bytesOf(9, 1, 2)]);
    expect(channel.posted).toEqual([bytesOf(9, 1, 1), bytesOf(9, 1, 2)]);
    expect(channel.posted.map(({ buffer }) => buffer.byteLength)).toEqual([60, 60]);
    // As v86 posts them: a part of a larger buffer.
    const larger = new Uint8Array([...new Uint8Array(12), ...bytesOf(1, 9, 3)]);
    const flushes = card.flushes;
    channel.deliver(larger.subarray(12));
    channel.deliver(bytesOf(1, 9, 4).buffer);
    await Promise.resolve();
    expect(card.numbers()).toEqual([3, 4]);
    expect(card.flushes).toBe(flushes + 1);
  });

  it('posts no more at a time than the page can bear, and the rest after a moment', () => {
    const { clock, channel, port, card } = scene(200);
    card.burst(Array.from({ length: 7 }, (_, n) => bytesOf(9, 1, n)));
    expect(channel.posted).toHaveLength(4);
    expect(port.send(frameOf(bytesOf(9, 1)))).toBe(Sent.full);
    clock.advance(1);
    expect(channel.posted.map(sequenceOf)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(port.counters().dropped).toEqual({});
  });

  it('counts messages that are no frames', () => {
    const { channel, port } = scene();
    for (const data of ['frame', { length: 60 }, undefined, [1, 2, 3]]) channel.deliver(data);
    expect(port.counters()).toMatchObject({ inFrames: 0, dropped: { malformed: 4 } });
  });

  it('leaves the channel when it is closed', () => {
    const { clock, channel, port, card } = scene(60);
    card.burst([bytesOf(9, 1, 1), bytesOf(9, 1, 2)]);
    port.close();
    port.close();
    expect([channel.closed, channel.listeners.size, port.listening]).toEqual([true, 0, false]);
    clock.advance(10);
    card.burst([bytesOf(9, 1, 3)]);
    expect(channel.posted.map(sequenceOf)).toEqual([1]);
    expect(port.counters().dropped).toEqual({ disconnected: 1 });
  });
});
