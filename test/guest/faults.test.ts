import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startNetwork, type Network } from './network.js';

const noLoss = ' 0% packet loss';

describe('a fault of the card, in a real kernel', () => {
  let network: Network;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs: 2 } });
  });
  afterAll(() => network.stop());

  const device = () => network.cards[0].device;
  const pings = (): Promise<string> => network.ok(1, 'ping -c 5 -i 0.05 10.0.0.2');
  const until = (condition: string): Promise<string> =>
    network.ok(
      1,
      `tries=0; until ${condition}; do tries=$((tries + 1)); [ $tries -le 600 ] || exit 1; sleep 0.05; done`,
    );

  it('shows a link that goes in ip link, and TCP goes on when it comes back', async () => {
    await network.ok(1, 'iperf3 -c 10.0.0.2 -t 3 >/tmp/iperf 2>&1 </dev/null & echo $! >/tmp/iperf.pid');
    const before = device().counters[0].txFrames;
    while (device().counters[0].txFrames < before + 100) await new Promise((resolve) => setTimeout(resolve, 1));
    device().setLink(false);
    await until('[ "$(cat /sys/class/net/eth0/carrier)" = 0 ]');
    expect(await network.ok(1, 'ip link show eth0')).toContain('NO-CARRIER');
    expect(await network.status(1, 'ping -c 1 -W 1 10.0.0.2')).not.toBe(0);
    device().setLink(true);
    await until('[ "$(cat /sys/class/net/eth0/carrier)" = 1 ]');
    expect(await network.ok(1, 'ip link show eth0')).toContain('state UP');
    expect(await pings()).toContain(noLoss);
    await until('! kill -0 $(cat /tmp/iperf.pid) 2>/dev/null');
    expect(await network.ok(1, 'cat /tmp/iperf')).toContain('iperf Done.');
  });

  it('shows the driver a card that needs a reset, which rebinding gives it', async () => {
    const name = (await network.ok(1, 'basename $(readlink /sys/class/net/eth0/device)')).trim();
    const status = `/sys/bus/virtio/devices/${name}/status`;
    expect(Number(await network.ok(1, `cat ${status}`))).toBe(0x0f);
    device().fail('the test wants it');
    expect(Number(await network.ok(1, `cat ${status}`))).toBe(0x4f);
    // Linux's virtio_net does not look at DEVICE_NEEDS_RESET: the interface stays up, and carries nothing.
    expect(await network.ok(1, 'cat /sys/class/net/eth0/operstate')).toBe('up\n');
    expect(await network.status(1, 'ping -c 1 -W 1 10.0.0.2')).not.toBe(0);
    const driver = '/sys/bus/virtio/drivers/virtio_net';
    await network.ok(1, `echo ${name} >${driver}/unbind; echo ${name} >${driver}/bind`);
    await until('ifconfig eth0 10.0.0.1 netmask 255.255.255.0 up');
    expect(Number(await network.ok(1, `cat ${status}`))).toBe(0x0f);
    expect(await pings()).toContain(noLoss);
    expect(network.faults.map(({ fault }) => fault.rule).filter((rule) => rule !== 'notify-needs-reset')).toEqual([
      'device-failure',
    ]);
  });

  it('has the watchdog bark at a transmit queue that is stuck, until it is released', async () => {
    // One queue, so that all packets are for the one that is stuck.
    await network.status(1, 'ethtool -L eth0 combined 1');
    expect(await network.ok(1, 'cat /sys/class/net/eth0/queues/tx-0/tx_timeout')).toBe('0\n');
    const release = device().stall(0);
    // More packets than the ring has room for, each from a socket of its own.
    await network.ok(1, "bash -c 'for i in {1..400}; do echo >/dev/udp/10.0.0.2/9; done'");
    await until('[ "$(cat /sys/class/net/eth0/queues/tx-0/tx_timeout)" != 0 ]');
    const messages = await network.ok(1, 'dmesg');
    expect(messages).toMatch(/NETDEV WATCHDOG.*transmit queue 0 timed out/);
    expect(messages).toContain('TX timeout on queue: 0, sq: output.0');
    expect(await network.status(1, 'ping -c 1 -W 1 10.0.0.2')).not.toBe(0);
    const stuck = device().counters[0].txFrames;
    release();
    expect(await pings()).toContain(noLoss);
    // What the ring was full of is on its way.
    expect(device().counters[0].txFrames).toBeGreaterThan(stuck + 200);
  });
});
