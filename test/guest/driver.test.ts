import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNetwork, type Network } from './network.js';

describe('a driver that comes and goes', () => {
  let network: Network;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs: 4 } });
  });
  afterAll(() => network.stop());

  const setUp =
    'i=0; until [ -e /sys/class/net/eth0 ]; do i=$((i + 1)); [ $i -lt 100 ] || exit 1; sleep 0.05; done; ' +
    'ip address add 10.0.0.1/24 dev eth0; ip link set eth0 up; ethtool -L eth0 combined 4';
  const pings = (): Promise<string> => network.ok(1, 'ping -c 5 -i 0.05 10.0.0.2');

  it('is unloaded and loaded ten times under traffic', async () => {
    // Not pings: busybox's ping in guest 1 would hear them too, and its socket has room for ten.
    const datagrams = 'while :; do echo traffic >/dev/udp/10.0.0.1/9; sleep 0.01; done';
    await network.ok(2, `bash -c '${datagrams}' >/dev/null 2>&1 </dev/null & echo $! >/tmp/datagrams`);
    for (let i = 0; i < 10; i++) {
      await network.ok(1, 'iperf3 -c 10.0.0.2 -P 4 -t 20 >/dev/null 2>&1 </dev/null & sleep 0.3');
      await network.ok(1, 'rmmod virtio_net; killall -9 iperf3; modprobe virtio_net; iperf3 -s -D');
      await network.ok(1, setUp);
      expect(await pings(), `round ${i + 1}`).toContain(' 0% packet loss');
    }
    await network.ok(2, 'kill $(cat /tmp/datagrams)');
  });

  it('is taken from the card and given back to it', async () => {
    const name = (await network.ok(1, 'basename $(readlink /sys/class/net/eth0/device)')).trim();
    const driver = '/sys/bus/virtio/drivers/virtio_net';
    await network.ok(1, `echo ${name} >${driver}/unbind; [ ! -e /sys/class/net/eth0 ]; echo ${name} >${driver}/bind`);
    await network.ok(1, setUp);
    expect(await pings()).toContain(' 0% packet loss');
  });

  it('is taken from the PCI function and given back to it', async () => {
    const slot = `0000:00:${network.cards[0].slot.toString(16).padStart(2, '0')}.0`;
    const driver = '/sys/bus/pci/drivers/virtio-pci';
    await network.ok(1, `echo ${slot} >${driver}/unbind; [ ! -e /sys/class/net/eth0 ]; echo ${slot} >${driver}/bind`);
    await network.ok(1, setUp);
    expect(await pings()).toContain(' 0% packet loss');
  });

  it('finds the card again after its removal from the bus', async () => {
    const slot = `0000:00:${network.cards[0].slot.toString(16).padStart(2, '0')}.0`;
    await network.ok(1, `echo 1 >/sys/bus/pci/devices/${slot}/remove; sleep 0.1; echo 1 >/sys/bus/pci/rescan`);
    await network.ok(1, setUp);
    expect(await pings()).toContain(' 0% packet loss');
  });

  it('leaves nothing unaccounted for, and breaks no rule', () => {
    // What came while there was no driver is dropped; nothing is lost for another reason.
    expect(network.drops().filter((drop) => !/notReady|reset/.test(drop))).toEqual([]);
    expect(network.faults.map(({ fault }) => fault.message)).toEqual([]);
  });
});
