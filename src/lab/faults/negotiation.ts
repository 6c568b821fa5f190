import { hasFeature, VIRTIO_F_VERSION_1 } from '../../virtio/features.js';
import { VIRTIO_NET_F_CSUM, VIRTIO_NET_F_CTRL_VQ } from '../../net/features.js';
import { deviceStatus } from '../../virtio/status.js';
import { registers, type Bench } from './bench.js';
import type { Trigger } from './condition.js';
import { everyQueue, type Fault } from './fault.js';

const offer = 'a read of a word of features in which it stands';

/** Faults that a driver meets while it starts. */
export const negotiationFaults: readonly Fault[] = [
  {
    name: 'offer-without-ctrl-vq',
    does: 'offers what needs the control queue (MQ, CTRL_RX), but not the control queue',
    expects: 'a device offers no feature without what that requires',
    spec: '2.2.2, 5.1.3.1',
    event: offer,
    arm: (bench, trigger) => offerWithout(bench, trigger, VIRTIO_NET_F_CTRL_VQ),
  },
  {
    name: 'offer-without-csum',
    does: 'offers segmentation (HOST_TSO4), but not checksums, which that requires',
    expects: 'a device offers no feature without what that requires',
    spec: '2.2.2, 5.1.3.1',
    event: offer,
    arm: (bench, trigger) => offerWithout(bench, trigger, VIRTIO_NET_F_CSUM),
  },
  {
    name: 'offer-without-version-1',
    does: 'does not offer VIRTIO_F_VERSION_1 though it has the modern interface',
    expects: 'a device that is not a legacy one offers VIRTIO_F_VERSION_1',
    spec: '6.2',
    event: offer,
    arm: (bench, trigger) => offerWithout(bench, trigger, VIRTIO_F_VERSION_1),
  },
  {
    name: 'features-ok-refused',
    does: 'does not take FEATURES_OK, whatever the driver accepted',
    expects: 'FEATURES_OK may stay clear: the driver reads it back, and gives up or tries other features',
    spec: '2.2.2, 3.1.1',
    event: 'a write of FEATURES_OK',
    arm: (bench, trigger) =>
      bench.interpose(bench.function.negotiation, 'writeStatus', (write) => (value) => {
        const refused = (value & deviceStatus.FEATURES_OK) !== 0 && trigger.happens();
        write(refused ? value & ~deviceStatus.FEATURES_OK : value);
      }),
  },
  {
    name: 'reset-endless',
    does: 'shows a status that is not 0 after a reset, for ever or for `delay`',
    expects: 'the status reads as 0 when the reset is done; the driver waits for that',
    spec: '2.4.1, 2.4.2, 4.1.4.3.2',
    event: 'a reset by the driver',
    takesDelay: true,
    arm: resetEndless,
  },
  {
    name: 'queue-size-zero',
    does: 'shows 0 as the size of a queue that there is',
    expects: 'a size of 0 says that there is no such queue',
    spec: '4.1.4.3',
    event: "a read of a queue's size",
    queues: everyQueue,
    arm: (bench, trigger) =>
      bench.register(registers.queueSize, (bytes, queue) => {
        if (trigger.happens(queue)) bytes.fill(0);
      }),
  },
  configFault(
    'mac-zero',
    'shows 00:00:00:00:00:00 as its MAC address',
    'mac is the address of the card',
    0,
    [0, 0, 0, 0, 0, 0],
  ),
  configFault(
    'max-pairs-zero',
    'shows 0 in max_virtqueue_pairs',
    'max_virtqueue_pairs is from 1 to 0x8000 where MQ is offered',
    8,
    [0, 0],
  ),
  configFault(
    'max-pairs-large',
    'shows 0x8001 in max_virtqueue_pairs, one more than there may be',
    'max_virtqueue_pairs is from 1 to 0x8000 where MQ is offered',
    8,
    [0x01, 0x80],
  ),
  configFault('mtu-zero', 'shows an MTU of 0', 'the MTU is from 68 to 65535 where it is offered', 10, [0, 0]),
  {
    name: 'config-changes-mid-read',
    does: 'changes its MAC address while the driver reads it; config_generation moves',
    expects: 'config_generation differs if the configuration changed between two reads: the driver reads again',
    spec: '2.5.1, 2.5.2, 4.1.4.3.1',
    event: 'a read of the fourth byte of the MAC address',
    when: { times: 1 },
    arm: (bench, trigger) => changeMacMidRead(bench, trigger, () => undefined),
  },
  {
    name: 'config-torn',
    does: 'changes its MAC address while the driver reads it, and config_generation does not move',
    expects: 'config_generation differs if the configuration changed between two reads',
    spec: '2.5.1, 4.1.4.3.1',
    event: 'a read of the fourth byte of the MAC address',
    when: { times: 1 },
    arm: (bench, trigger) => {
      let shown = 0;
      let behind = 0;
      let changed = false;
      changeMacMidRead(bench, trigger, () => (changed = true));
      bench.register(registers.configGeneration, (bytes) => {
        if (changed) behind = bytes[0] - shown;
        changed = false;
        shown = bytes[0] -= behind;
      });
    },
  },
];

function offerWithout(bench: Bench, trigger: Trigger, feature: bigint): void {
  bench.interpose(bench.function.negotiation, 'offeredWord', (offered) => (select) => {
    const word = offered(select);
    const missing = Number((feature >> (32n * BigInt(select))) & 0xffffffffn);
    const there = hasFeature(bench.device.offeredFeatures, feature) && (word & missing) !== 0;
    return there && trigger.happens() ? (word & ~missing) >>> 0 : word;
  });
}

/** The status stays what it was, or what a driver begins with. */
function resetEndless(bench: Bench, trigger: Trigger): void {
  let stuck = 0;
  const around = (write: (value: number) => void) => (value: number) => {
    const before = bench.function.negotiation.status;
    write(value);
    if (value !== 0) stuck = 0;
    else if (trigger.happens()) {
      stuck = before | deviceStatus.ACKNOWLEDGE;
      const { delay } = trigger.condition;
      if (delay !== undefined) bench.after(delay, () => (stuck = 0));
    }
  };
  bench.interpose(bench.function.negotiation, 'writeStatus', around);
  bench.interpose(bench.function.negotiation, 'writeLegacyStatus', around);
  bench.register(registers.status, (bytes) => {
    if (stuck !== 0) bytes[0] = stuck;
  });
}

/** A fault that shows other bytes in a field of the device configuration (virtio 5.1.4). */
function configFault(name: string, does: string, expects: string, at: number, shown: readonly number[]): Fault {
  return {
    name,
    does,
    expects,
    spec: '5.1.4.1',
    event: 'a read of the field',
    arm: (bench, trigger) =>
      bench.deviceConfig(at, shown.length, (bytes) => {
        if (trigger.happens()) bytes.set(shown);
      }),
  };
}

/** The byte of the address after whose read it changes: there are some before and some behind it. */
const middle = 3;

/** Really changes the address, in the bytes from the second on: what the driver has read is of the old one. */
function changeMacMidRead(bench: Bench, trigger: Trigger, changed: () => unknown): void {
  const { device } = bench;
  bench.interpose(device, 'readConfig', (read) => (offset, width) => {
    const value = read(offset, width);
    if (offset <= middle && middle < offset + width && trigger.happens()) {
      device.setMac(Uint8Array.from({ length: 6 }, (_, i) => (i === 0 ? read(0, 1) : read(i, 1) ^ 0xff)));
      changed();
    }
    return value;
  });
}
