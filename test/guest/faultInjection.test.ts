import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { main } from '../../src/cli/main.js';
import type { Report } from '../../src/cli/report.js';
import { systemClock } from '../../src/hosts/v86/index.js';
import { injectFaults, type Condition, type FaultInjection } from '../../src/lab/faults/index.js';
import { testStreams } from '../cli/streams.js';
import { copyFile, startNetwork, type Network } from './network.js';

const reached = ' 0% packet loss';

describe('a card that misbehaves on request, in a real kernel', () => {
  let network: Network;
  let injection: FaultInjection | undefined;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs: 1 } });
  });
  afterAll(() => network.stop());

  const inject = (fault: string, when: Condition): FaultInjection => {
    injection = injectFaults(network.cards[0], [{ fault, when }], systemClock);
    return injection;
  };
  const happened = (): number => injection!.counts[0].count;
  const ping = 'ping -c 3 -i 0.2 -W 1 10.0.0.2';
  const messages = (): Promise<string> => network.ok(1, 'dmesg');

  it('gives packets back in another order, which the driver bears', async () => {
    const { stop } = inject('completion-reordered', { every: 2 });
    expect(await copyFile(network, 1 << 20)).toBe(true);
    expect(happened()).toBeGreaterThan(20);
    stop();
  });

  it('loses one interrupt, and the queue stands still until the interface went down and up', async () => {
    expect(await network.ok(1, ping)).toContain(reached);
    const { stop } = inject('interrupt-lost', { queue: 'input.0', times: 1 });
    expect(await network.status(1, ping)).not.toBe(0);
    expect(await network.status(1, ping)).not.toBe(0);
    expect(happened()).toBe(1);
    await network.ok(1, 'ip link set eth0 down; ip link set eth0 up');
    expect(await network.ok(1, `until ${ping} >/dev/null; do :; done; ${ping}`)).toContain(reached);
    stop();
  });

  it('names a buffer that there is not, and the driver gives the queue up until it is bound again', async () => {
    const { stop } = inject('used-id-out-of-range', { queue: 'input.0', times: 1 });
    expect(await network.status(1, ping)).not.toBe(0);
    expect(await messages()).toContain('id 65535 out of range');
    const driver = '/sys/bus/virtio/drivers/virtio_net';
    const name = (await network.ok(1, 'basename $(readlink /sys/class/net/eth0/device)')).trim();
    await network.ok(1, `echo ${name} >${driver}/unbind; echo ${name} >${driver}/bind`);
    await network.ok(1, 'until ifconfig eth0 10.0.0.1 netmask 255.255.255.0 up 2>/dev/null; do sleep 0.1; done');
    expect(await network.ok(1, `until ${ping} >/dev/null; do :; done; ${ping}`)).toContain(reached);
    stop();
  });
});

it('vmq boot --fault goes on when a guest can not bring up its card, and tells how often what happened', async () => {
  const streams = testStreams();
  const fault = ['--fault', 'features-ok-refused@guest=1', '--fault', 'interrupt-duplicate@guest=2,times=2'];
  const status = await main(
    ['boot', '--no-workers', '--json', ...fault, '--exec', 'dmesg | grep "device refuses features"'],
    streams,
  );
  expect(status).toBe(0);
  const { devices } = JSON.parse(streams.stdout.text) as Report;
  expect(devices[0].injected).toMatchObject([{ fault: 'features-ok-refused' }]);
  expect(devices[0].injected![0].count).toBeGreaterThan(0);
  expect(devices[1].injected).toMatchObject([{ fault: 'interrupt-duplicate', when: { times: 2 } }]);
  expect(streams.stderr.text).toContain('Guest 1 could not bring up its misbehaving card');
});
