import { describe, expect, it } from 'vitest';
import { openTap, PortError } from '../../src/fabric/index.node.js';
import { loadSystemCalls } from '../../src/fabric/tap/systemCalls.node.js';
import { ManualClock } from '../../src/virtio/clock.js';

const clock = new ManualClock();

describe('opening a tap', () => {
  it('says which package it needs', async () => {
    const loading = loadSystemCalls('virtio-mq-has-no-such-package');
    await expect(loading).rejects.toThrow(PortError);
    await expect(loading).rejects.toThrow(/^A tap needs the package koffi, which is not installed; npm install koffi/);
  });

  it.each([
    [{ name: '' }, "'' is no name of an interface"],
    [{ name: 'sixteen-letters-' }, "'sixteen-letters-' is no name of an interface"],
    [{ name: 'a/b' }, "'a/b' is no name of an interface"],
    [{ name: 'ääääääää' }, 'is no name of an interface'],
    [{ name: 'tap0', queues: 0 }, 'queues is 0; it must be a whole number from 1 to 256.'],
    [{ name: 'tap0', queues: 257 }, 'queues is 257'],
  ])('refuses %j', async (options, message) => {
    const opening = openTap({ clock, ...options });
    await expect(opening).rejects.toThrow(PortError);
    await expect(opening).rejects.toThrow(message);
  });
});
