import type { CommonField } from '../../driver/index.js';
import type { AccessWidth } from '../../virtio/registers.js';
import type { Buffer } from './queues/ring.js';

/** A field of the common configuration; through the legacy interface its registers of the same meaning. */
export type Field = CommonField;

/** A whole access to a structure, after halves of 16 bits were put together that an emulator had split. */
export interface FieldAccess {
  /** By the specification's name; undefined where there is no field. */
  readonly name: string | undefined;
  readonly offset: number;
  readonly width: AccessWidth;
  /** The width and the start are those of the field. */
  readonly fits: boolean;
}

/**
 * Some checks that belong together. They are told what the driver does, and tell `Findings`. All methods are there to be
 * left out; each is called when its event happens, `write` and `configWrite` before the device acts, `wrote` afterwards.
 * What a check can't know for sure it takes as right: with `DriverView.history` false the driver began before anybody
 * watched.
 */
export interface Rules {
  /** The driver writes a field, in its own width. */
  write?(field: Field, value: number): void;
  wrote?(field: Field, value: number): void;
  read?(field: Field, value: number): void;
  /** Any access to the common or the device configuration. */
  accessed?(access: FieldAccess): void;
  /** The device configuration; these have the width of the access. */
  configWrite?(offset: number, width: AccessWidth, value: number): void;
  configRead?(offset: number, width: AccessWidth): void;
  /** Configuration space of PCI, before the function acts. */
  pciWrite?(offset: number, width: AccessWidth): void;
  pciRead?(offset: number, width: AccessWidth): void;
  /** The driver notifies of a queue, before the device acts. Of one byte the rest of the value is unknown. */
  notified?(queue: number, width: AccessWidth, value: number): void;
  /** The device goes to work with what the driver gave it. */
  activated?(): void;
  /** The driver made a buffer available that makes sense; what it reads of it is memory. */
  exposed?(buffer: Buffer): void;
  /** The device gives it back, with so many bytes written. */
  used?(buffer: Buffer, written: number): void;
  /** The driver is about to reset the device: the time to judge what it did not do. */
  reset?(): void;
  /** All that is known of the driver is void: the device is reset, or goes on elsewhere. */
  forget?(): void;
}
