import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Switch } from '../../src/fabric/index.js';
import { systemClock } from '../../src/hosts/v86/index.js';
import { netFeatures, type NetFeatureName } from '../../src/net/index.js';
import type { FaultEvent } from '../../src/pci/index.js';
import { featureNames } from '../../src/virtio/features.js';
import { offerFeatures } from '../../src/virtio/offer.js';
import { startGuests, type Guest, type GuestCard } from '../../src/vm/index.node.js';
import { pairwise } from '../support/pairwise.js';
import { listening } from './network.js';

/** Without it there is only the legacy interface, which is another card's. */
const always = 'VIRTIO_F_VERSION_1';
const wishes = (without: readonly string[]): Partial<Record<NetFeatureName, boolean>> =>
  Object.fromEntries(without.map((name) => [name, false]));
const offered = (without: readonly string[]): Set<string> =>
  new Set(featureNames(offerFeatures(netFeatures, wishes(without)), netFeatures));
const all = [...offered([])].filter((name) => name !== always);
const singles = all.map((name) => ({ without: [name] }));

const addresses = ['10.0.0.1', '10.0.0.2'];
const file = '/tmp/random';

async function ok(guest: Guest, command: string): Promise<string> {
  const { status, output } = await guest.run(command, { timeoutMs: 60_000 });
  if (status !== 0) throw new Error(`'${command}' ended with status ${status}:\n${output}`);
  return output;
}

/** A guest with a card that offers everything, and one that gets a card without these or those features. */
describe('a card works in a real kernel', () => {
  const fabric = new Switch({ clock: systemClock });
  let guests: Guest[];
  let sums: string[];
  const port = fabric.addPort('guest 2');

  beforeAll(async () => {
    guests = await startGuests({ count: 2 });
    await guests[0].addCard({ address: `${addresses[0]}/24`, queuePairs: 2, port: fabric.addPort('guest 1') });
    const made = `dd if=/dev/urandom of=${file} bs=64k count=4 2>/dev/null; md5sum <${file}`;
    sums = await Promise.all(guests.map((guest) => ok(guest, made)));
  });
  afterAll(async () => {
    await Promise.all(guests.map((guest) => guest.stop()));
    fabric.close();
  });

  const cases = [...singles, ...pairwise(all, offered)].map(({ without }) => {
    return { without, title: without.map((name) => name.replace(/^VIRTIO_(NET_)?F_/, '')).join(', ') };
  });
  it.each(cases)('without $title', async ({ without }) => {
    const faults: FaultEvent[] = [];
    const card = await guests[1].addCard({
      // With the same address each time, the other guest knows it already.
      ...{ address: `${addresses[1]}/24`, mac: '52:54:00:00:00:02', queuePairs: 2, port, features: wishes(without) },
      onAttach: ({ function: pci }) => pci.onFault.on((event) => faults.push(event)),
    });
    try {
      await check(card, without);
    } finally {
      await card.unplug();
    }
    expect(faults.map(({ fault }) => fault.message)).toEqual([]);
  });

  async function check(card: GuestCard, without: readonly string[]): Promise<void> {
    const accepted = card.function.negotiation.features;
    expect(card.function.negotiation.driverReady).toBe(true);
    const names = featureNames(accepted, netFeatures);
    expect(names).toContain(always);
    for (const name of names) expect(offered(without)).toContain(name);
    expect(await bitsAfterTraffic(card)).toBe(accepted);
    const { rxBytes, txBytes } = card.device.counters.reduce((sum, lane) => ({
      ...sum,
      rxBytes: sum.rxBytes + lane.rxBytes,
      txBytes: sum.txBytes + lane.txBytes,
    }));
    expect(Math.min(rxBytes, txBytes)).toBeGreaterThan(4 * 64 * 1024);
  }

  /**
   * A file goes each way, at the same time, and is the same at its end. Answers the features that the guest's kernel says
   * were negotiated; it has a character for each bit.
   */
  async function bitsAfterTraffic({ interfaceName }: GuestCard): Promise<bigint> {
    // One that listens sends the rest of a file of its own no more once the other has ended.
    const receive = `nc -l -p 5000 </dev/null >/tmp/got 2>/dev/null & echo $! >/tmp/nc.pid; ${listening(5000)}`;
    await Promise.all(guests.map((guest) => ok(guest, receive)));
    await Promise.all(guests.map((guest, i) => ok(guest, `nc -N ${addresses[1 - i]} 5000 <${file}`)));
    const end = 'while [ -e /proc/$(cat /tmp/nc.pid) ]; do sleep 0.02; done; md5sum </tmp/got';
    const received = await Promise.all(guests.map((guest) => ok(guest, end)));
    expect(received).toEqual([...sums].reverse());
    const bits = (await ok(guests[1], `cat /sys/class/net/${interfaceName}/device/features`)).trim();
    return BigInt(`0b${Array.from(bits).reverse().join('')}`);
  }
});
