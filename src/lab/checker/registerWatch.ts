import type { RegisterSpace } from '../../pci/function.js';
import type { AccessWidth } from '../../virtio/registers.js';
import { AccessJoiner, commonFields, legacyFields, legacyVectorFields, netConfigFields } from './accesses.js';
import type { Field, Rules } from './rules.js';
import { structureAt, type Layout, type Structure } from './structures.js';
import type { DriverView } from './view.js';

/** Which base address register an access came through, and whether the legacy interface is behind it. */
export interface BarPlace {
  readonly bar: number;
  readonly legacy: boolean;
}

/** What of a written value belongs to the access. */
const mask: Readonly<Record<AccessWidth, number>> = { 1: 0xff, 2: 0xffff, 4: -1 };
const msixEnabled = 0x8000;
/** Where the device configuration begins behind the legacy registers, without and with MSI-X (virtio 4.1.4.10). */
const legacyConfig = { start: 20, startWithMsix: 24 } as const;

/** Tells the rules of accesses to the device's registers, by their meaning. */
export class RegisterWatch {
  private readonly layout: Layout;
  private readonly view: DriverView;
  private readonly rules: readonly Rules[];
  private readonly config: RegisterSpace;
  private readonly common: AccessJoiner;
  private readonly device: AccessJoiner;
  /** What the driver writes while the device has not acted. */
  private writing: { field: Field; value: number } | undefined;

  /** @param config configuration space as nobody watches it */
  constructor(layout: Layout, view: DriverView, rules: readonly Rules[], config: RegisterSpace) {
    this.layout = layout;
    this.view = view;
    this.rules = rules;
    this.config = config;
    this.common = new AccessJoiner(commonFields, (access) => {
      for (const rule of rules) rule.accessed?.(access);
      if (!access.fits || access.name === undefined) return;
      if (access.kind === 'read') this.fieldRead(access.name as Field, access.value);
      else this.fieldWrite(access.name as Field, access.value);
    });
    this.device = new AccessJoiner(netConfigFields, (access) => {
      for (const rule of rules) rule.accessed?.(access);
    });
  }

  /** The driver has read something. */
  read({ bar, legacy }: BarPlace, offset: number, width: AccessWidth, value: number): void {
    if (legacy) {
      this.legacyRead(offset, width, value);
      return;
    }
    const structure = this.find(bar, offset);
    if (!structure) return;
    this.view.legacy = false;
    const at = offset - structure.offset;
    if (structure.name === 'common') {
      this.common.add('read', at, width, value);
    } else if (structure.name === 'device') {
      this.device.add('read', at, width, value);
      for (const rule of this.rules) rule.configRead?.(at, width);
    }
  }

  /** The driver writes something; `act` has the device see it. */
  write({ bar, legacy }: BarPlace, offset: number, width: AccessWidth, written: number, act: () => void): void {
    const value = written & mask[width];
    if (legacy) {
      this.legacyWrite(offset, width, value >>> 0);
    } else {
      const structure = this.find(bar, offset);
      if (structure) this.modernWrite(structure, offset - structure.offset, width, value >>> 0);
    }
    const { writing } = this;
    this.writing = undefined;
    act();
    if (writing) this.acted(writing.field, writing.value);
  }

  /** Halves of accesses are for one structure only. */
  private find(bar: number, offset: number): Structure | undefined {
    const structure = structureAt(this.layout, bar, offset);
    if (structure?.name !== 'common') this.common.flush();
    if (structure?.name !== 'device') this.device.flush();
    return structure;
  }

  private modernWrite({ name }: Structure, at: number, width: AccessWidth, value: number): void {
    this.view.legacy = false;
    if (name === 'common') {
      this.common.add('write', at, width, value);
    } else if (name === 'device') {
      this.device.add('write', at, width, value);
      for (const rule of this.rules) rule.configWrite?.(at, width, value);
    } else if (name === 'notify') {
      const { notifyMultiplier } = this.layout;
      // The second half of a split write says nothing that the first did not.
      if (at % notifyMultiplier === 0) this.notified(at / notifyMultiplier, width, value);
    }
  }

  private legacyRead(offset: number, width: AccessWidth, value: number): void {
    const field = this.legacyField(offset);
    if (field && field !== 'notify') this.fieldRead(field, value);
    const at = offset - this.legacyConfigStart;
    if (at < 0) return;
    for (const rule of this.rules) rule.configRead?.(at, width);
  }

  private legacyWrite(offset: number, width: AccessWidth, value: number): void {
    const field = this.legacyField(offset);
    // Who only looks at the legacy registers, or puts the device to rest, does not use them.
    if (field !== 'deviceStatus' || value !== 0) this.view.legacy = true;
    if (field === 'notify') this.notified(value, width, value);
    else if (field) this.fieldWrite(field, value);
    const at = offset - this.legacyConfigStart;
    if (at < 0) return;
    for (const rule of this.rules) rule.configWrite?.(at, width, value);
  }

  private legacyField(offset: number): Field | 'notify' | undefined {
    return legacyFields[offset] ?? (offset < this.legacyConfigStart ? legacyVectorFields[offset] : undefined);
  }

  private get legacyConfigStart(): number {
    const { msixControl } = this.layout;
    const enabled = msixControl !== undefined && (this.config.read(msixControl, 2) & msixEnabled) !== 0;
    return enabled ? legacyConfig.startWithMsix : legacyConfig.start;
  }

  private notified(queue: number, width: AccessWidth, value: number): void {
    for (const rule of this.rules) rule.notified?.(queue, width, value);
  }

  private fieldRead(field: Field, value: number): void {
    for (const rule of this.rules) rule.read?.(field, value);
  }

  private fieldWrite(field: Field, value: number): void {
    const { rules } = this;
    for (const rule of rules) rule.write?.(field, value);
    if (field === 'deviceStatus' && value === 0) for (const rule of rules) rule.reset?.();
    this.writing = { field, value };
  }

  private acted(field: Field, value: number): void {
    if (field === 'deviceStatus' && value === 0) this.view.reset();
    else this.view.wrote(field, value);
    for (const rule of this.rules) rule.wrote?.(field, value);
  }
}
