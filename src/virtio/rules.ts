import { GuestMemoryError } from './memory.js';

/**
 * The rules a driver can break in a way a device must survive. A fault names one of them, so that a report says what
 * was wrong and where the specification says so. Sections are those of virtio 1.3.
 */
export const driverRules = {
  'available-index': {
    section: '2.7.13, 2.8.17',
    says: 'no more buffers are available than the queue has descriptors',
  },
  'descriptor-index': { section: '2.7.5', says: 'a descriptor index lies within its table' },
  'descriptor-loop': { section: '2.7.5.1, 2.8.17', says: 'a chain is no longer than the queue and has no loop' },
  'descriptor-address': { section: '2.7.5, 2.8.13', says: 'a buffer lies within guest memory' },
  'descriptor-order': {
    section: '2.7.4.2, 2.8.17',
    says: 'device-readable descriptors come before device-writable ones',
  },
  'chain-length': { section: '2.7.5.1', says: 'a chain describes at most 2^32 bytes' },
  'indirect-not-negotiated': { section: '2.7.5.3.1, 2.8.19', says: 'indirect tables need VIRTIO_F_INDIRECT_DESC' },
  'indirect-nested': { section: '2.7.5.3.1', says: 'an indirect table holds no indirect descriptor' },
  'indirect-next': { section: '2.7.5.3.1, 2.8.19', says: 'an indirect descriptor does not have VIRTQ_DESC_F_NEXT too' },
  'indirect-length': { section: '2.7.5.3, 2.8.7', says: 'an indirect table is a non-empty row of whole descriptors' },
  'indirect-in-list': { section: '2.8.19', says: 'an indirect descriptor of a packed queue stands alone' },
  'list-incomplete': { section: '2.8.17', says: 'a list of descriptors is made available as a whole' },
  'queue-size': {
    section: '4.1.4.3.2',
    says: 'a queue has at least one entry and at most what is offered, a split queue a power of two',
  },
  'ring-alignment': {
    section: '2.7, 2.8.10.1',
    says: 'the parts of a queue are aligned: those of a split one to 16, 2 and 4, those of a packed one to 16, 4 and 4',
  },
  'ring-address': { section: '2.7, 2.8.10.1', says: 'the rings lie within guest memory' },
  'queue-reconfigured': { section: '4.1.4.3.2', says: 'an enabled queue keeps its size and addresses' },
  'queue-disabled-by-driver': { section: '4.1.4.3.2', says: 'the driver does not write 0 to queue_enable' },
  'features-after-ok': { section: '2.2.1', says: 'no feature is accepted after FEATURES_OK' },
  'feature-not-offered': { section: '2.2.1', says: 'the driver accepts only what the device offers' },
  'feature-dependency': { section: '2.2.1', says: 'a feature is accepted together with what it requires' },
  'status-cleared': { section: '2.1.1', says: 'the driver clears no status bit, except all of them to reset' },
  'driver-ok-too-early': { section: '3.1.1', says: 'DRIVER_OK comes after FEATURES_OK' },
  'notify-before-driver-ok': { section: '3.1.1', says: 'no notification before DRIVER_OK' },
  'notify-unknown-queue': { section: '4.1.4.4', says: 'a notification names a queue that exists and is enabled' },
  'notify-value': {
    section: '4.1.5.2.1',
    says: 'a notification has the width and the value that were negotiated',
  },
  'notify-suspended': { section: '1.4: 3.4.1', says: 'no notification to a suspended device' },
  'notify-needs-reset': { section: '2.1.1', says: 'no operation is relied on after DEVICE_NEEDS_RESET' },
  'transmit-writable': { section: '5.1.6.2', says: 'a packet to transmit is device-readable only' },
  'transmit-header': { section: '5.1.6.2', says: 'a packet to transmit starts with a whole packet header' },
  'transmit-offload': { section: '5.1.6.2', says: 'a packet asks only for offloads that were negotiated' },
  'transmit-header-fields': { section: '5.1.6.2', says: 'the fields of a packet header fit each other and the packet' },
  'transmit-unused-pair': { section: '5.1.6.5.6.1', says: 'packets go to transmit queues of the pairs in use' },
  'receive-readable': { section: '5.1.6.3', says: 'a receive buffer is device-writable only' },
  'receive-buffer-size': { section: '5.1.6.3.1', says: 'a receive buffer has room for what was negotiated' },
  'control-layout': { section: '5.1.6.5', says: 'a control command is class and command, data, and room for the ack' },
  'control-unknown': { section: '5.1.6.5', says: 'a control command belongs to a feature that was negotiated' },
  'control-argument': { section: '5.1.6.5', says: 'a control command has the data its class asks for' },
  // No rule of the driver's: what it is told when a test has the device fail.
  'device-failure': { section: '2.1.2', says: 'none; the device was told to fail' },
} as const satisfies Record<string, { section: string; says: string }>;

export type DriverRule = keyof typeof driverRules;

/** What a driver did wrong. Thrown inside the device, caught at its edge, never seen by the emulator. */
export class DriverFault extends Error {
  readonly rule: DriverRule;
  readonly detail: string;
  /** The queue it happened on, or undefined for a register. */
  queue: number | undefined;

  constructor(rule: DriverRule, detail: string, queue?: number) {
    super(`${driverRules[rule].says} (virtio ${driverRules[rule].section}): ${detail}`);
    this.name = 'DriverFault';
    this.rule = rule;
    this.detail = detail;
    this.queue = queue;
  }
}

/** What the driver did wrong, from whatever was thrown. @throws what is no fault of the driver's */
export function asFault(error: unknown): DriverFault {
  if (error instanceof DriverFault) return error;
  if (error instanceof GuestMemoryError) return new DriverFault('descriptor-address', error.message);
  throw error;
}
