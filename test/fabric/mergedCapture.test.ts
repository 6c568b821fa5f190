import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { Capture, CaptureOutbox, MergedCapture, Switch, type CaptureInput } from '../../src/fabric/index.js';
import { ManualClock } from '../../src/virtio/clock.js';
import { readCapture } from '../support/pcapng.js';
import { broadcast, bytesOf, TestCard } from './card.js';
import { TestSink } from './sinks.js';

const day = 1_700_000_000_000;

/** Threads with a card each, on a switch of its own, whose captures are written as one. */
function setUp(count: number, bufferBytes?: number) {
  const clock = new ManualClock();
  const sink = new TestSink();
  const merged = new MergedCapture(sink, { clock, now: () => (day + clock.now()) * 1000 });
  const threads = Array.from({ length: count }, (_, i) => {
    const outbox = new CaptureOutbox(() => merged.ready());
    const capture = new Capture(outbox, { clock, date: day, ...(bufferBytes && { bufferBytes }) });
    const fabric = new Switch({ clock });
    const card = new TestCard(i + 1).plugInto(capture.tap(fabric.addPort(`guest ${i + 1}`)));
    const input: CaptureInput = {
      take: () => outbox.take(),
      close: () => capture.close(),
      counters: () => capture.counters(),
    };
    const send = (bytes: number): unknown => card.burst([bytesOf(broadcast, i + 1, bytes & 0xff, 0, bytes)]);
    return { input, send, capture };
  });
  return { clock, sink, merged, threads };
}

const seen = ({ frames }: ReturnType<typeof readCapture>) =>
  frames.map(({ port, bytes, time }) => [port, bytes.length, time / 1000 - day]);

describe('captures of several threads, written as one', () => {
  it('have their frames in the order of time, whoever tells first, and all that belongs to their ports', async () => {
    const { clock, sink, merged, threads } = setUp(3);
    threads.forEach(({ input }) => merged.add(input));
    const expected: [string, number, number][] = [];
    for (const [step, from] of [2, 0, 1, 1, 0, 2, 0].entries()) {
      clock.advance(3);
      threads[from].send(60 + step);
      expected.push([`guest ${from + 1}`, 60 + step, 3 * (step + 1)]);
      if (step % 3 === 2) await turn();
    }
    await merged.close();
    const read = readCapture(sink.file);
    expect(seen(read)).toEqual(expected);
    expect(read.ports.map(({ name, statistics }) => [name, statistics])).toEqual([
      ['guest 1', { seen: 3, missed: 0, delivered: 3 }],
      ['guest 2', { seen: 2, missed: 0, delivered: 2 }],
      ['guest 3', { seen: 2, missed: 0, delivered: 2 }],
    ]);
    expect(await merged.counters()).toEqual(
      [3, 2, 2].map((count, i) => ({ name: `guest ${i + 1}`, seen: count, written: count, missed: 0 })),
    );
    expect(sink.closed).toBe(true);
  });

  it('keep what one tells too early until the others have told of the time before', async () => {
    const { clock, sink, merged, threads } = setUp(2);
    const [slow, fast] = threads;
    merged.add(slow.input);
    merged.add({
      ...fast.input,
      // While it is asked, and the other one has answered, both send more.
      take: async () => {
        if (clock.now() === 1) {
          await turn();
          clock.advance(1);
          slow.send(70);
          clock.advance(1);
          fast.send(80);
          await turn();
        }
        return fast.input.take();
      },
    });
    await turn();
    clock.advance(1);
    slow.send(60);
    for (let i = 0; i < 5; i++) await turn();
    await merged.close();
    expect(seen(readCapture(sink.file))).toEqual([
      ['guest 1', 60, 1],
      ['guest 1', 70, 2],
      ['guest 2', 80, 3],
    ]);
  });

  it('count what their threads could not keep while the sink was stuck, and tell where', async () => {
    const { clock, sink, merged, threads } = setUp(1, 1 << 19);
    merged.add(threads[0].input);
    await turn();
    sink.stuck = true;
    const frame = 60_000;
    for (let i = 0; i < 40; i++) {
      clock.advance(1);
      threads[0].send(frame);
      await turn();
    }
    sink.release();
    await turn();
    clock.advance(1);
    threads[0].send(frame);
    await merged.close();
    const [{ seen, written, missed }] = await merged.counters();
    expect(seen).toBe(41);
    expect(written + missed).toBe(seen);
    const { frames } = readCapture(sink.file);
    expect(frames).toHaveLength(written);
    expect(missed).toBeGreaterThan(10);
    expect(frames.at(-1)!.missed).toBe(missed);
  });

  it('go on without a thread that is gone, and end early where they can not be written', async () => {
    const { clock, sink, merged, threads } = setUp(2);
    const gone = () => Promise.reject(new Error('gone'));
    merged.add({ take: gone, close: gone, counters: gone });
    merged.add(threads[1].input);
    clock.advance(1);
    threads[1].send(60);
    await turn();
    expect(seen(readCapture(sink.file))).toEqual([['guest 2', 60, 1]]);
    sink.broken = new Error('full');
    threads[1].send(61);
    await merged.close();
    expect(merged.failure?.message).toBe('full');
    expect(await merged.counters()).toEqual([{ name: 'guest 2', seen: 2, written: 1, missed: 1 }]);
    expect(sink.closed).toBe(true);
  });

  it('wait no longer than they are told to for a sink that takes nothing', async () => {
    const { clock, sink, merged, threads } = setUp(1);
    merged.add(threads[0].input);
    sink.stuck = true;
    threads[0].send(60);
    const closing = merged.close(1000);
    await turn();
    clock.advance(1000);
    await closing;
    expect(merged.failure?.message).toMatch(/within 1 s/);
    expect(sink.closed).toBe(true);
  });
});
