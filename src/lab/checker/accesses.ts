import { commonField, netConfigField, type CommonField } from '../../driver/index.js';
import type { AccessWidth } from '../../virtio/registers.js';
import type { FieldAccess } from './rules.js';

/** One field of a structure. */
interface FieldRow {
  readonly name: string;
  readonly offset: number;
  readonly width: AccessWidth;
}

/** By offset of each byte: the field that it belongs to. */
type FieldMap = readonly (FieldRow | undefined)[];

function fieldMap(fields: Readonly<Record<string, { offset: number; width: AccessWidth }>>): FieldMap {
  const map: (FieldRow | undefined)[] = [];
  for (const [name, { offset, width }] of Object.entries(fields)) {
    const row = { name, offset, width };
    for (let at = offset; at < offset + width; at++) map[at] = row;
  }
  return map;
}

export const commonFields = fieldMap(commonField);

/** Each byte of the address is a field of its own. */
const macBytes = Object.fromEntries(
  Array.from({ length: 6 }, (_, at) => [`mac[${at}]`, { offset: at, width: 1 as const }]),
);
const configFields = Object.fromEntries(Object.entries(netConfigField).filter(([name]) => name !== 'mac'));
export const netConfigFields = fieldMap({ ...macBytes, ...configFields });

/** A whole access, and the value that it carried. */
export interface WholeAccess extends FieldAccess {
  readonly kind: 'read' | 'write';
  readonly value: number;
}

/** The first half of an access of 16 bits, which waits for the second. */
interface Half {
  readonly kind: 'read' | 'write';
  readonly row: FieldRow;
  readonly value: number;
}

/**
 * Puts together what an emulator took apart: v86 hands on an access of 16 bits to memory as two of 8, the lower one first
 * and nothing between. So two halves in that order are taken for one access, whoever made them; a half that stays alone
 * is the driver's own.
 */
export class AccessJoiner {
  private readonly fields: FieldMap;
  private readonly emit: (access: WholeAccess) => void;
  private half: Half | undefined;

  constructor(fields: FieldMap, emit: (access: WholeAccess) => void) {
    this.fields = fields;
    this.emit = emit;
  }

  add(kind: 'read' | 'write', offset: number, width: AccessWidth, value: number): void {
    const row = this.fields[offset];
    const { half } = this;
    if (half && width === 1 && half.kind === kind && row === half.row && offset === row.offset + 1) {
      this.half = undefined;
      this.whole(kind, row, row.offset, 2, half.value | (value << 8));
      return;
    }
    this.flush();
    if (row?.width === 2 && width === 1 && offset === row.offset) this.half = { kind, row, value };
    else this.whole(kind, row, offset, width, value);
  }

  /** Something else was accessed: a half that waits has no other half. */
  flush(): void {
    const { half } = this;
    this.half = undefined;
    if (half) this.whole(half.kind, half.row, half.row.offset, 1, half.value);
  }

  private whole(kind: 'read' | 'write', row: FieldRow | undefined, offset: number, width: AccessWidth, value: number) {
    const fits = row === undefined || (row.offset === offset && row.width === width);
    this.emit({ kind, name: row?.name, offset, width, fits, value });
  }
}

/** The legacy registers by the names of the common configuration (virtio 4.1.4.10); 0 to 31 are bits of word 0. */
export const legacyFields: Readonly<Record<number, CommonField | 'notify' | undefined>> = {
  0: 'deviceFeature',
  4: 'driverFeature',
  14: 'queueSelect',
  16: 'notify',
  18: 'deviceStatus',
};
/** These two are there only while MSI-X is enabled. */
export const legacyVectorFields: Readonly<Record<number, CommonField | undefined>> = {
  20: 'configMsixVector',
  22: 'queueMsixVector',
};
