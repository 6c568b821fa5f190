import type { VirtioNetCard, VirtioNetOptions } from '../../src/hosts/v86/index.js';
import { faults, type Condition } from '../../src/lab/faults/index.js';

/** How a fault is tried on a real kernel. */
export interface Scenario {
  readonly fault: string;
  readonly when: Condition;
  /** The fault is there before the driver finds the card; otherwise it comes once packets go to and fro. */
  readonly fromStart: boolean;
  readonly card?: Partial<VirtioNetOptions>;
  /** What else has it happen: something outside the guest, or a command in it. */
  readonly provoke?: ((card: VirtioNetCard) => void) | string;
  /** Why it ends as it does. */
  readonly note?: string | undefined;
}

/** Everything but the name; what is left out is so: from the start no, when as the fault has it. */
type Row = Partial<Omit<Scenario, 'fault' | 'note'>>;

const start: Row = { fromStart: true };
const now = (when: Condition): Row => ({ when });
const input = 'input.0';
const commands: Row = {
  provoke: 'ip link set eth0 promisc on; ethtool -L eth0 combined 2; ip link set eth0 promisc off',
};

const rows: Readonly<Record<string, Row>> = {
  'interrupt-lost': now({ queue: input, after: 20, times: 1 }),
  'interrupt-duplicate': now({ every: 2 }),
  'interrupt-delayed': now({ every: 10, delay: 20 }),
  'interrupt-early': now({ every: 5 }),
  'interrupt-storm': now({ after: 20 }),
  'config-interrupt-lost': { provoke: ({ device }) => device.setLink(false) },
  'isr-zero': { card: { vectors: 0 }, when: { every: 10 } },
  'vector-refused': { ...start, when: { after: 2 } },
  'notification-lost': now({ queue: 'output.0', every: 10 }),
  'notification-delayed': now({ every: 10, delay: 20 }),
  'completion-lost': now({ every: 20 }),
  'completion-delayed': now({ every: 20 }),
  'completion-reordered': now({ every: 2 }),
  'used-length-short': now({ queue: input, every: 10 }),
  'used-length-long': now({ queue: input, every: 10 }),
  'used-id-out-of-range': now({ queue: input, after: 20 }),
  'used-id-stale': now({ queue: input, after: 20 }),
  'num-buffers-zero': now({ every: 10 }),
  'num-buffers-large': now({ every: 10 }),
  'header-checksum-wrong': now({ every: 10 }),
  'header-gso-wrong': now({ every: 10 }),
  'packet-corrupted': now({ every: 10 }),
  'control-refused': commands,
  'control-ack-garbage': commands,
  'control-unanswered': commands,
  'offer-without-ctrl-vq': start,
  'offer-without-csum': start,
  'offer-without-version-1': start,
  'features-ok-refused': start,
  'reset-endless': start,
  'queue-size-zero': { ...start, when: { queue: input } },
  'mac-zero': start,
  'max-pairs-zero': start,
  'max-pairs-large': start,
  'mtu-zero': start,
  'config-changes-mid-read': start,
  'config-torn': start,
  'needs-reset': now({ after: 20 }),
  gone: now({ after: 20 }),
  'link-flap': now({ after: 20, delay: 300 }),
  'transmit-stalled': now({ after: 20 }),
};

/** What Linux's source (6.1) says to some of it. */
const notes: Readonly<Record<string, string>> = {
  'interrupt-lost':
    'The driver asked for one interrupt by its event index. To the card that one was sent, and it sends none before the driver asks again.',
  'notification-lost':
    'With event indices the driver notifies again only when the card asks for it, which has not looked yet. Taking the interface down does not reset the card.',
  'used-id-out-of-range': 'The driver calls the ring broken, and makes a new one only when it is bound again.',
  'used-id-stale': 'As above: a name that no buffer goes by at the moment.',
  'control-unanswered':
    '`virtnet_send_command` waits for the answer in a loop that does not sleep. On one CPU nothing else runs any more.',
  'reset-endless': '`vp_reset` waits for a status of 0 in a loop that sleeps, and that no signal ends.',
  'offer-without-csum': 'The driver accepts HOST_TSO4 without CSUM, and this card refuses what contradicts itself.',
  'max-pairs-zero':
    'The driver takes the card for one of one pair, and looks for the control queue behind that one pair. The card has it behind its two, and never answers.',
  'max-pairs-large': 'As with max-pairs-zero.',
  'config-torn':
    'The driver has an address that is half of the old one and half of the new one. The card filters by the new one, and what is sent to the other does not arrive.',
  'mac-zero': 'An interface with such an address can not be set up, and nothing gives it another.',
  'needs-reset':
    '`virtio_net` does not look at DEVICE_NEEDS_RESET. To take the interface down it sends a command, which is never answered, and waits as with control-unanswered. Unbound and bound again without that, the card works.',
  gone: 'Nobody tells the driver, and a command is never answered: as with needs-reset.',
  'transmit-stalled':
    'The watchdog reports such a queue, and does nothing else; a reset would help, and binding is one.',
};

/** One for each fault there is. */
export const scenarios: readonly Scenario[] = faults.map(({ name, when }) => {
  const row = rows[name] ?? {};
  return { fromStart: false, ...row, fault: name, when: { ...when, ...row.when }, note: notes[name] };
});
