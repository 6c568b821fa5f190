import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FilterReason, LaneCounters, NetDevice } from '../../src/net/index.js';
import { frameTo, type Addressed } from '../support/receiveFilter.js';
import { TestWire } from '../support/wire.js';
import { capturing, linkShows, startNetwork, type Network } from './network.js';

const other = '02:00:00:00:00:99';
const group = '01:00:5e:01:02:03';
const allHosts = '01:00:5e:00:00:01';
const broadcast = 'ff:ff:ff:ff:ff:ff';
const noLoss = ' 0% packet loss';

/** Enough for any of these frames; and two cards with different limits are enough to see one. */
const largestMtu = 65535;

describe('what a guest says through the control queue', () => {
  let network: Network;
  let device: NetDevice;
  /** A station on the switch that sends frames of the tests. */
  let station: TestWire;

  beforeAll(async () => {
    network = await startNetwork({ card: { queuePairs: 1, mtu: largestMtu } });
    device = network.cards[0].device;
    station = new TestWire(network.fabric.addPort('tests'));
    station.listening = false;
    for (const guest of [1, 2]) await network.ok(guest, 'ip link set eth0 mtu 1500; modprobe 8021q');
  });
  afterAll(() => network.stop());

  /** What a card counts when a frame is sent: taken, or stopped for a reason. No guest runs meanwhile. */
  const outcome = (to: NetDevice, bytes: Uint8Array): string => {
    const before = tally(to.counters[0]);
    station.deliver(bytes);
    const changed = Array.from(tally(to.counters[0])).filter(([what, count]) => count !== (before.get(what) ?? 0));
    return changed.map(([what]) => what).join(' and ');
  };
  const sent = (frame: Addressed): string => outcome(device, frameTo(frame));
  const ok = (command: string): Promise<string> => network.ok(1, command);

  it('begins with the features', async () => {
    const bits = await ok('cat /sys/bus/virtio/devices/virtio0/features');
    const negotiated = Array.from(bits.trim(), (bit, index) => (bit === '1' ? index : -1));
    // MTU, STATUS, CTRL_VQ, CTRL_RX, CTRL_VLAN, GUEST_ANNOUNCE, CTRL_MAC_ADDR, SPEED_DUPLEX.
    expect(negotiated).toEqual(expect.arrayContaining([3, 16, 17, 18, 19, 21, 23, 63]));
  });

  it('keeps what is for others from it', () => {
    expect(sent({ to: device.mac })).toBe('taken');
    expect(sent({ to: broadcast })).toBe('taken');
    expect(sent({ to: allHosts })).toBe('taken');
    expect(sent({ to: other })).toBe('unicast');
    expect(sent({ to: group })).toBe('multicast');
    expect(sent({ to: device.mac, vlan: 5 })).toBe('vlan');
  });

  it('follows ip link set promisc', async () => {
    await ok('ip link set eth0 promisc on');
    for (const to of [other, group, broadcast]) expect(sent({ to })).toBe('taken');
    expect(sent({ to: other, vlan: 5 })).toBe('taken');
    await ok('ip link set eth0 promisc off');
    expect(sent({ to: other })).toBe('unicast');
  });

  it('shows tcpdump what is for others, as long as that runs', async () => {
    await ok('tcpdump -i eth0 -n -c 1 ether dst 02:00:00:00:00:99 >/tmp/seen 2>/tmp/started & echo $! >/tmp/pid');
    await ok(capturing);
    expect(sent({ to: other })).toBe('taken');
    await ok('while kill -0 $(cat /tmp/pid) 2>/dev/null; do sleep 0.05; done');
    expect(await ok('cat /tmp/seen')).toMatch(/> 02:00:00:00:00:99|0x88b5/);
    expect(sent({ to: other })).toBe('unicast');
  });

  it('follows ip link set allmulticast', async () => {
    await ok('ip link set eth0 allmulticast on');
    expect([sent({ to: group }), sent({ to: other })]).toEqual(['taken', 'unicast']);
    await ok('ip link set eth0 allmulticast off');
    expect(sent({ to: group })).toBe('multicast');
  });

  it('follows ip maddress', async () => {
    await ok(`ip maddress add ${group} dev eth0`);
    expect([sent({ to: group }), sent({ to: '01:00:5e:01:02:04' })]).toEqual(['taken', 'multicast']);
    await ok(`ip maddress delete ${group} dev eth0`);
    expect(sent({ to: group })).toBe('multicast');
  });

  it('follows ip link set address', async () => {
    const before = device.mac;
    await ok('ip link set eth0 address 02:00:00:00:00:77');
    expect(device.mac).toBe('02:00:00:00:00:77');
    expect([sent({ to: '02:00:00:00:00:77' }), sent({ to: before })]).toEqual(['taken', 'unicast']);
    await ok(`ip link set eth0 address ${before}`);
    expect([sent({ to: '02:00:00:00:00:77' }), sent({ to: before })]).toEqual(['unicast', 'taken']);
  });

  it('gives a macvlan its own address, while there is one', async () => {
    await ok(
      `ip link add link eth0 name macvlan0 address ${other} type macvlan mode bridge;
      ip address add 10.9.0.1/24 dev macvlan0; ip link set macvlan0 up`,
    );
    expect([sent({ to: other }), sent({ to: '02:00:00:00:00:98' })]).toEqual(['taken', 'unicast']);
    await network.ok(2, 'ip address add 10.9.0.2/24 dev eth0');
    expect(await network.ok(2, 'ping -c 3 -i 0.05 10.9.0.1')).toContain(noLoss);
    await network.ok(2, 'ip address delete 10.9.0.2/24 dev eth0');
    await ok('ip link delete macvlan0');
    expect(sent({ to: other })).toBe('unicast');
  });

  it('is in the VLANs that it has interfaces for', async () => {
    for (const guest of [1, 2]) {
      await network.ok(
        guest,
        `ip link add link eth0 name eth0.5 type vlan id 5
        ip address add 10.5.0.${guest}/24 dev eth0.5; ip link set eth0.5 up`,
      );
    }
    const to = device.mac;
    // Linux is in VLAN 0 as soon as it knows VLANs: such frames have a priority, and belong to no VLAN.
    expect([0, 5, 6].map((vlan) => sent({ to, vlan }))).toEqual(['taken', 'taken', 'vlan']);
    expect(await ok('ping -c 3 -i 0.05 10.5.0.2')).toContain(noLoss);
    await ok('ip link delete eth0.5');
    expect([0, 5, 6].map((vlan) => sent({ to, vlan }))).toEqual(['taken', 'vlan', 'vlan']);
    expect(await network.status(2, 'ping -c 1 -W 1 10.5.0.1')).not.toBe(0);
    await network.ok(2, 'ip link delete eth0.5');
  });

  it('is told when the cable is pulled and plugged in again', async () => {
    device.setLink(false);
    expect(await ok(linkShows('NO-CARRIER'))).toContain('state DOWN');
    device.setLink(true);
    expect(await ok(linkShows('LOWER_UP'))).toContain('state UP');
    expect(await ok('ping -c 3 -i 0.05 10.0.0.2')).toContain(noLoss);
  });

  it('announces itself when it is asked to', async () => {
    await network.ok(
      2,
      'tcpdump -i eth0 -n -c 1 arp src host 10.0.0.1 and arp dst host 10.0.0.1 >/tmp/seen 2>/tmp/started & echo $! >/tmp/pid',
    );
    await network.ok(2, capturing);
    expect(device.announce()).toBe(true);
    await network.ok(2, 'while kill -0 $(cat /tmp/pid) 2>/dev/null; do sleep 0.05; done');
    expect(await network.ok(2, 'cat /tmp/seen')).toMatch(/ARP, Request who-has 10\.0\.0\.1 .*tell 10\.0\.0\.1/);
    await ok('sleep 0.1');
    expect(device.readConfig(6, 2)).toBe(1);
  });

  it('sees the speed of the link', async () => {
    const text = await ok('ethtool eth0');
    expect(text).toContain('Speed: 10000Mb/s');
    expect(text).toContain('Duplex: Full');
    expect(text).toContain('Link detected: yes');
  });

  it.each([9000, largestMtu])('sends packets of %i bytes in one frame', async (mtu) => {
    for (const guest of [1, 2]) await network.ok(guest, `ip link set eth0 mtu ${mtu}`);
    const before = { ...device.counters[0] };
    // An IPv4 header and one of ICMP.
    expect(await ok(`ping -c 3 -i 0.05 -s ${mtu - 28} 10.0.0.2`)).toContain(noLoss);
    const { txFrames, txBytes, rxFrames, rxBytes } = device.counters[0];
    // Cut to 1500 bytes they would be 21 at least; what else the guests send in this time is less.
    const few = 3 + 12;
    expect(txFrames - before.txFrames).toBeLessThan(few);
    expect(rxFrames - before.rxFrames).toBeLessThan(few);
    expect(txBytes - before.txBytes).toBeGreaterThanOrEqual(3 * (mtu + 14));
    expect(rxBytes - before.rxBytes).toBeGreaterThanOrEqual(3 * (mtu + 14));
    for (const guest of [1, 2]) await network.ok(guest, 'ip link set eth0 mtu 1500');
  });

  it('does not get packets beyond the MTU of its card, and they are counted', async () => {
    const port = network.fabric.addPort('small card');
    const { device: small } = await network.guests[1].addCard({ queuePairs: 1, mtu: 1500, speed: 100, port });
    const frame = (payload: number): Uint8Array => {
      const bytes = new Uint8Array(14 + payload);
      bytes.set(frameTo({ to: small.mac }));
      return bytes;
    };
    expect(outcome(small, frame(1500))).toBe('taken');
    expect(outcome(small, frame(1501))).toBe('tooLong');
    expect(await network.ok(2, 'ethtool eth1')).toContain('Speed: 100Mb/s');
    expect(await network.status(2, 'ip link set eth1 mtu 1501')).not.toBe(0);
  });

  it('joins a standby card with a master of its own', async () => {
    const port = network.fabric.addPort('standby');
    const { slot } = await network.guests[0].addCard({ queuePairs: 1, features: { VIRTIO_NET_F_STANDBY: true }, port });
    const folder = `/sys/bus/pci/devices/0000:00:${slot.toString(16).padStart(2, '0')}.0`;
    expect((await ok(`cat ${folder}/virtio*/features`))[62]).toBe('1');
    expect(await ok(`ethtool -i $(basename $(readlink ${folder}/virtio*/net/*/master))`)).toContain('net_failover');
  });

  it('is not there without the control queue, and the guest gets everything', async () => {
    const port = network.fabric.addPort('plain card');
    const features = { VIRTIO_NET_F_CTRL_VQ: false };
    const { device: plain } = await network.guests[1].addCard({ queuePairs: 1, features, port });
    // An address that the switch has not heard of: it belongs to nobody, and goes to everybody.
    const unknown = '02:00:00:00:00:55';
    const outcomes = [plain.mac, unknown, group, broadcast].map((to) => outcome(plain, frameTo({ to, vlan: 5 })));
    expect(outcomes).toEqual(new Array(4).fill('taken'));
    expect(plain.announce()).toBe(false);
  });

  it('leaves the card in doubt what its address is, where the card gave it none', async () => {
    const port = network.fabric.addPort('card without an address');
    const features = { VIRTIO_NET_F_MAC: false, VIRTIO_NET_F_CTRL_MAC_ADDR: false };
    const card = await network.guests[1].addCard({ queuePairs: 1, features, port });
    const address = (await network.ok(2, `cat /sys/class/net/${card.interfaceName}/address`)).trim();
    expect(address).not.toBe(card.device.mac);
    expect([address, group].map((to) => outcome(card.device, frameTo({ to })))).toEqual(['taken', 'multicast']);
  });

  it('takes everything when there are too many addresses, and only these when there are fewer', async () => {
    // While the interface is down Linux only collects them; up, it sends them all in one command.
    await ok(
      `ip link set eth0 down
      awk 'BEGIN { for (i = 0; i < 4097; i++) printf "fdb add 02:00:00:01:%02x:%02x dev eth0\\n", i / 256, i % 256 }' >/tmp/list
      bridge -batch /tmp/list
      ip link set eth0 up`,
    );
    const addresses = ['02:00:00:01:00:00', '02:00:00:01:0f:ff', '02:00:00:01:10:00', other, group];
    expect(addresses.map((to) => sent({ to }))).toEqual(['taken', 'taken', 'taken', 'taken', 'multicast']);
    await ok('bridge fdb delete 02:00:00:01:10:00 dev eth0');
    expect(addresses.map((to) => sent({ to }))).toEqual(['taken', 'taken', 'unicast', 'unicast', 'multicast']);
  });

  it('did without a loss and without breaking a rule', () => {
    expect(network.drops().filter((drop) => !/linkDown|tooLong/.test(drop))).toEqual([]);
    expect(network.faults.map(({ fault }) => fault.message)).toEqual([]);
  });
});

type Outcome = 'taken' | FilterReason | keyof LaneCounters['dropped'];

function tally({ rxFrames, dropped, filtered }: LaneCounters): Map<Outcome, number> {
  return new Map<Outcome, number>(Object.entries({ taken: rxFrames, ...dropped, ...filtered }) as [Outcome, number][]);
}
