import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyFrameBytes, Backlog } from '../../src/fabric/backlog.js';
import { gsoType } from '../../src/net/link/frame.js';
import { bytesOf, frameOf } from './card.js';

describe('backlog', () => {
  it('is a bounded queue of copies, whatever their sizes', () => {
    const action = fc.oneof(
      fc.record({ size: fc.integer({ min: 20, max: 400 }), reserved: fc.boolean() }),
      fc.constant('shift' as const),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.array(action, { maxLength: 200 }), (maxFrames, actions) => {
        const maxBytes = 1000;
        const backlog = new Backlog(maxFrames, maxBytes);
        const model: { bytes: Uint8Array; time: number; room: string }[] = [];
        const bytesIn = (room?: string): number =>
          model.reduce((sum, entry) => sum + (room === undefined || entry.room === room ? entry.bytes.length : 0), 0);
        const framesIn = (room: string): number => model.filter((entry) => entry.room === room).length;
        actions.forEach((what, time) => {
          if (what === 'shift') {
            if (model.length === 0) return;
            model.shift();
            backlog.shift();
          } else {
            const bytes = bytesOf(1, 2, time, 0, what.size);
            const fits = {
              reserve: what.reserved && framesIn('reserve') < maxFrames,
              common: framesIn('common') < maxFrames && bytesIn('common') + what.size <= maxBytes,
            };
            const room = fits.reserve ? 'reserve' : fits.common ? 'common' : undefined;
            const theirs = bytes.slice();
            expect(backlog.push(frameOf(theirs), time, what.reserved)).toBe(room !== undefined);
            theirs.fill(0);
            if (room !== undefined) model.push({ bytes, time, room });
          }
          expect(backlog.length).toBe(model.length);
          expect(backlog.bytes).toBe(bytesIn());
          if (model.length === 0) return;
          expect(backlog.head.toBytes()).toEqual(model[0].bytes);
          expect(backlog.headTime).toBe(model[0].time);
        });
      }),
    );
  });

  it('has room of its own for two large segments whose senders can not keep them, whatever else waits', () => {
    const backlog = new Backlog(3, anyFrameBytes);
    const large = frameOf(bytesOf(1, 2, 0, 0, 65_000));
    const pushes = [() => backlog.push(large, 0), () => backlog.push(large, 0, true)];
    expect([0, 0, 0, 1, 1, 1].map((way) => pushes[way]())).toEqual([true, true, false, true, true, false]);
    backlog.shift();
    expect([1, 0].map((way) => pushes[way]())).toEqual([true, false]);
  });

  it('keeps what the packet header said and the lane of the sender', () => {
    const backlog = new Backlog(2, 1000);
    const frame = frameOf(bytesOf(1, 2), 3);
    Object.assign(frame, { needsChecksum: true, checksumStart: 34, checksumOffset: 16 });
    Object.assign(frame, { gso: gsoType.tcp4, gsoSize: 1448, gsoEcn: true, headerLength: 54 });
    backlog.push(frame, 0);
    frame.start(0);
    expect(backlog.head).toMatchObject({ lane: 3, needsChecksum: true, checksumStart: 34, checksumOffset: 16 });
    expect(backlog.head).toMatchObject({ gso: gsoType.tcp4, gsoSize: 1448, gsoEcn: true, headerLength: 54 });
  });

  it('uses the same frames again', () => {
    const backlog = new Backlog(2, 1000);
    const seen = new Set<unknown>();
    for (let i = 0; i < 20; i++) {
      backlog.push(frameOf(bytesOf(1, 2, i)), i);
      backlog.push(frameOf(bytesOf(1, 2, i)), i);
      for (let waiting = 0; waiting < 2; waiting++) {
        seen.add(backlog.head);
        backlog.shift();
      }
    }
    expect(seen.size).toBe(2);
  });
});
