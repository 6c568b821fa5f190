/** Reads what the image builder needs of 32-bit little-endian ELF files (System V ABI, chapters 4 and 5). */

const programHeader = { dynamic: 2, interpreter: 3, load: 1 } as const;
const dynamicTag = { end: 0, needed: 1, stringTable: 5 } as const;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

const ascii = new TextDecoder('latin1');

function cString(bytes: Uint8Array, start: number): string {
  const end = bytes.indexOf(0, start);
  return ascii.decode(bytes.subarray(start, end < 0 ? bytes.length : end));
}

/** Whether the bytes are an ELF file for a 32-bit little-endian machine. */
export function isElf32(bytes: Uint8Array): boolean {
  const identity = [0x7f, 0x45, 0x4c, 0x46, 1, 1];
  return bytes.length >= 52 && identity.every((byte, index) => bytes[index] === byte);
}

function viewOf(bytes: Uint8Array): DataView {
  if (!isElf32(bytes)) throw new Error('not a 32-bit little-endian ELF file');
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function segments(view: DataView): Segment[] {
  const start = view.getUint32(28, true);
  const entrySize = view.getUint16(42, true);
  return Array.from({ length: view.getUint16(44, true) }, (_, index) => {
    const at = start + index * entrySize;
    return {
      type: view.getUint32(at, true),
      offset: view.getUint32(at + 4, true),
      address: view.getUint32(at + 8, true),
      size: view.getUint32(at + 16, true),
    };
  });
}

/** The shared libraries that a program or library names itself (DT_NEEDED), in order; none for a static program. */
export function neededLibraries(bytes: Uint8Array): string[] {
  const view = viewOf(bytes);
  const all = segments(view);
  const dynamic = all.find(({ type }) => type === programHeader.dynamic);
  if (!dynamic) return [];
  const needed: number[] = [];
  let stringTable = 0;
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 8) {
    const tag = view.getUint32(at, true);
    const value = view.getUint32(at + 4, true);
    if (tag === dynamicTag.end) break;
    if (tag === dynamicTag.needed) needed.push(value);
    if (tag === dynamicTag.stringTable) stringTable = value;
  }
  const holder = all.find(
    ({ type, address, size }) => type === programHeader.load && stringTable >= address && stringTable < address + size,
  );
  if (!holder) throw new Error('the ELF file has no dynamic string table');
  return needed.map((offset) => cString(bytes, stringTable - holder.address + holder.offset + offset));
}

/** The program loader that the kernel starts for this program (PT_INTERP), if it asks for one. */
export function interpreter(bytes: Uint8Array): string | undefined {
  const segment = segments(viewOf(bytes)).find(({ type }) => type === programHeader.interpreter);
  return segment && cString(bytes, segment.offset);
}

/** The bytes of a section by its name, or undefined when the file has none of that name. */
export function section(bytes: Uint8Array, name: string): Uint8Array | undefined {
  const view = viewOf(bytes);
  const start = view.getUint32(32, true);
  const entrySize = view.getUint16(46, true);
  const count = view.getUint16(48, true);
  const field = (index: number, offset: number): number => view.getUint32(start + index * entrySize + offset, true);
  const names = field(view.getUint16(50, true), 16);
  for (let index = 0; index < count; index += 1) {
    if (cString(bytes, names + field(index, 0)) === name) {
      return bytes.subarray(field(index, 16), field(index, 16) + field(index, 20));
    }
  }
  return undefined;
}
