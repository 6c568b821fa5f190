import { BroadcastChannel } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';

import { NetDriver, openModern, openTransport } from '../../src/driver/index.js';
import { BroadcastPort, connect, inBrowserChannel, Switch, type BroadcastChannelLike } from '../../src/fabric/index.js';
import { systemClock } from '../../src/hosts/v86/index.js';
import { inProcess } from '../../src/lab/targets/inProcess.js';
import { v86Own } from '../../src/lab/targets/v86.node.js';
import { noProperties } from '../support/noProperties.js';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

it("exchanges frames with v86's own card on its inbrowser network", async () => {
  const v86 = await v86Own({ relayUrl: 'inbrowser' });
  closing.push(() => v86.close());
  const fabric = new Switch({ clock: systemClock });
  closing.push(() => fabric.close());
  const channel = new BroadcastChannel(inBrowserChannel()) as unknown as BroadcastChannelLike;
  const port = new BroadcastPort(channel, { clock: systemClock });
  closing.push(() => port.close());
  connect(port, fabric.addPort('pages'));
  const card = inProcess({ mac: '52:54:00:00:00:01' });
  connect(card.device, fabric.addPort('ours'));
  const near = await NetDriver.start(await openModern(card.machine), { pairs: 1 });
  const far = await NetDriver.start(await openTransport(v86.machine));
  const [ours, theirs] = [near, far].map(({ config }) => [...config.mac!]);

  for (const [from, to, addresses] of [
    [near, far, [...theirs, ...ours]],
    [far, near, [...ours, ...theirs]],
  ] as const) {
    const sent = [60, 61, 1514].map((length) => {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 5 + length) & 0xff);
      bytes.set([...addresses, 0x88, 0xb5]);
      return bytes;
    });
    const received: Uint8Array[] = [];
    for (const frame of sent) {
      await from.send(0, [frame]);
      const collect = async (): Promise<Uint8Array | undefined> => {
        received.push(...(await to.receive()).map((packet) => packet.frame));
        return received.at(-1);
      };
      await expect.poll(collect, { timeout: 20_000 }).toEqual(frame);
    }
    expect(received).toEqual(sent);
  }
  expect(port.counters()).toMatchObject({ connected: true, inFrames: 3, outFrames: 3, dropped: noProperties });
});
