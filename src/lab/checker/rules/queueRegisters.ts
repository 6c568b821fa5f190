import { has, noVector, status } from '../../../driver/index.js';
import type { Findings } from '../findings.js';
import type { Field, FieldAccess, Rules } from '../rules.js';
import type { DriverView } from '../view.js';

const readOnly: readonly Field[] = [
  'deviceFeature',
  'numQueues',
  'configGeneration',
  'queueNotifyOff',
  'queueNotifConfigData',
];
/** The two halves of an address; a driver may leave the upper one at 0. */
const addresses: readonly (readonly [Field, Field])[] = [
  ['queueDescLow', 'queueDescHigh'],
  ['queueDriverLow', 'queueDriverHigh'],
  ['queueDeviceLow', 'queueDeviceHigh'],
];
const setUp: ReadonlySet<Field> = new Set<Field>(['queueSize', ...addresses.flat()]);

/** What the driver did to the registers of one queue. */
interface QueueHistory {
  /** The fields that were written since it was new. */
  readonly written: Set<Field>;
  enabled: boolean;
  /** It was reset, and the driver has not seen yet that it is. */
  resetUnread: boolean;
  /** It was reset, and not enabled since. */
  wasReset: boolean;
}

/** The fields of the common configuration that set up queues and vectors (virtio 4.1.4.3.2, 4.1.5.1.2.2, 2.6.1). */
export class QueueRegisterRules implements Rules {
  private readonly findings: Findings;
  private readonly view: DriverView;
  private readonly queues = new Map<number, QueueHistory>();
  /** Vectors that were written and not read back; the configuration's under 'config'. */
  private readonly unread = new Set<number | 'config'>();

  constructor(findings: Findings, view: DriverView) {
    this.findings = findings;
    this.view = view;
  }

  accessed({ name, offset, width, fits }: FieldAccess): void {
    if (name === undefined) return;
    this.findings.check('pci-dri-004', fits, () => `${name} was accessed by ${8 * width} bits at ${offset}`);
  }

  write(field: Field, value: number): void {
    const { findings, view } = this;
    const queue = view.queueSelect;
    if (!view.legacy) findings.check('pci-dri-012', !readOnly.includes(field), () => `${field} was written`);
    if (field === 'queueSize') this.size(value, queue);
    if (setUp.has(field)) this.setsUp(field, queue);
    if (field === 'queueEnable') this.enable(value, queue);
    if (field === 'queueReset' && value === 1) this.resets(queue);
    if (field === 'queueMsixVector') this.maps(value, queue);
    if (field === 'configMsixVector') this.maps(value, 'config');
    if (field === 'deviceStatus' && value & ~view.status & status.driverOk) this.vectorsRead();
  }

  read(field: Field, value: number): void {
    const queue = this.view.queueSelect;
    if (field === 'queueMsixVector') this.unread.delete(queue);
    if (field === 'configMsixVector') this.unread.delete('config');
    if (field === 'queueReset' && value === 0) this.of(queue).resetUnread = false;
  }

  reset(): void {
    this.forget();
  }

  forget(): void {
    this.queues.clear();
    this.unread.clear();
  }

  private of(queue: number): QueueHistory {
    const known = this.queues.get(queue);
    if (known) return known;
    const history = { written: new Set<Field>(), enabled: false, resetUnread: false, wasReset: false };
    this.queues.set(queue, history);
    return history;
  }

  private size(value: number, queue: number): void {
    const { findings, view } = this;
    const seen = (): string => `size ${value}`;
    if (has(view.accepted, 'VIRTIO_F_RING_PACKED')) findings.check('pci-dri-013', value !== 0, seen, { queue });
    else findings.check('pci-dri-014', value > 0 && (value & (value - 1)) === 0, seen, { queue });
  }

  private setsUp(field: Field, queue: number): void {
    const history = this.of(queue);
    this.findings.check('pci-dri-015', !history.enabled, () => `${field} after queue_enable`, { queue });
    this.resetSeen(queue, field);
    history.written.add(field);
  }

  private enable(value: number, queue: number): void {
    const { findings, view } = this;
    findings.check('pci-dri-017', value !== 0, () => '0 was written', { queue });
    if (value !== 1) return;
    const history = this.of(queue);
    this.resetSeen(queue, 'queueEnable');
    // The queue may be one that was there before anybody watched.
    if (view.history || history.wasReset) {
      const missing = addresses.find((halves) => !halves.some((half) => history.written.has(half)));
      const statement = history.wasReset ? 'basic-dri-016' : 'pci-dri-015';
      findings.check(statement, !missing, () => `${missing![0]} was not written before`, { queue });
    }
    this.placed(queue);
    history.enabled = true;
    history.wasReset = false;
  }

  /** The three parts of a queue are aligned (2.7, 2.8.10.1). */
  private placed(queue: number): void {
    const { findings, view } = this;
    const packed = has(view.accepted, 'VIRTIO_F_RING_PACKED');
    const { descriptorArea, driverArea, deviceArea } = view.queuePlace(queue);
    const aligned = descriptorArea % 16 === 0 && driverArea % (packed ? 4 : 2) === 0 && deviceArea % 4 === 0;
    const areas = [descriptorArea, driverArea, deviceArea].map((address) => `0x${address.toString(16)}`);
    findings.check(packed ? 'packed-dri-001' : 'split-dri-001', aligned, () => areas.join(', '), { queue });
  }

  private resets(queue: number): void {
    if (!has(this.view.accepted, 'VIRTIO_F_RING_RESET')) return;
    this.queues.set(queue, { written: new Set(), enabled: false, resetUnread: true, wasReset: true });
    this.unread.delete(queue);
  }

  /** Of a queue that is being reset nothing is written until queue_reset was read as 0. */
  private resetSeen(queue: number, field: Field): void {
    const history = this.of(queue);
    if (!history.wasReset || history.written.size > 0) return;
    const seen = (): string => `${field} was written, and queue_reset not read`;
    this.findings.check('basic-dri-015', !history.resetUnread, seen, { queue });
    this.findings.check('pci-dri-018', !history.resetUnread, seen, { queue });
  }

  private maps(vector: number, what: number | 'config'): void {
    const { findings, view } = this;
    const { vectors } = view.layout;
    if (vector === noVector) {
      this.unread.delete(what);
      return;
    }
    const place = what === 'config' ? {} : { queue: what };
    findings.check('pci-dri-027', vector < vectors, () => `vector ${vector} of ${vectors}`, place);
    this.unread.add(what);
  }

  private vectorsRead(): void {
    const [left] = this.unread;
    const of = (): string => (left === 'config' ? 'the configuration' : `queue ${left}`);
    this.findings.check('pci-dri-028', left === undefined, () => `the vector of ${of()} was not read back`);
  }
}
