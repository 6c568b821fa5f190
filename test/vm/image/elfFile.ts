/** Makes ELF files for tests by the System V ABI: a header, program headers, contents, and section headers. */
export interface ElfParts {
  readonly interpreter?: string;
  readonly needed?: readonly string[];
  readonly sections?: Readonly<Record<string, Uint8Array>>;
}

/** Where the contents are loaded: not at their place in the file, so that readers must translate addresses. */
const loadAddress = 0x08048000;

export function elfFile({ interpreter, needed = [], sections = {} }: ElfParts): Uint8Array {
  const chunks: Buffer[] = [];
  let size = 0;
  const put = (chunk: Uint8Array): number => {
    const at = size;
    const padded = Buffer.alloc((chunk.length + 3) & ~3);
    padded.set(chunk);
    chunks.push(padded);
    size += padded.length;
    return at;
  };
  const words = (...values: number[]): Buffer => {
    const buffer = Buffer.alloc(values.length * 4);
    values.forEach((value, index) => buffer.writeUInt32LE(value, index * 4));
    return buffer;
  };
  const headerSize = 52 + 3 * 32;
  put(Buffer.alloc(headerSize));

  const strings = Buffer.from(`\0${needed.join('\0')}\0`);
  const stringsAt = put(strings);
  const offsetOf = (name: string): number => strings.indexOf(`\0${name}\0`) + 1;
  const dynamic = words(...needed.flatMap((name) => [1, offsetOf(name)]), 5, stringsAt + loadAddress, 0, 0);
  const dynamicAt = put(dynamic);
  const interpreterAt = put(Buffer.from(`${interpreter ?? ''}\0`));

  const named = Object.entries({ ...sections, '.shstrtab': Buffer.alloc(0) });
  const sectionNames = Buffer.from(`\0${named.map(([name]) => name).join('\0')}\0`);
  const places = named.map(([name, contents]) => {
    const bytes = name === '.shstrtab' ? sectionNames : contents;
    return { name: sectionNames.indexOf(`\0${name}\0`) + 1, at: put(bytes), size: bytes.length };
  });
  const sectionHeaders = [words(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)];
  for (const place of places) sectionHeaders.push(words(place.name, 1, 0, 0, place.at, place.size, 0, 0, 1, 0));
  const sectionsAt = put(Buffer.concat(sectionHeaders));

  const file = Buffer.concat(chunks);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  file.set(words(52, sectionsAt, 0), 28);
  const load = words(1, 0, loadAddress, loadAddress, size, size, 5, 0x1000);
  const programHeaders = [load];
  if (needed.length > 0) programHeaders.push(words(2, dynamicAt, dynamicAt + loadAddress, 0, dynamic.length, 0, 6, 4));
  if (interpreter !== undefined) programHeaders.push(words(3, interpreterAt, 0, 0, interpreter.length + 1, 0, 4, 1));
  file.set(Buffer.concat(programHeaders), 52);
  file.writeUInt16LE(52, 40);
  file.writeUInt16LE(32, 42);
  file.writeUInt16LE(programHeaders.length, 44);
  file.writeUInt16LE(40, 46);
  file.writeUInt16LE(sectionHeaders.length, 48);
  file.writeUInt16LE(sectionHeaders.length - 1, 50);
  return new Uint8Array(file);
}

/** A kernel module that says this of itself. */
export function moduleFile(fields: readonly string[]): Uint8Array {
  return elfFile({
    sections: { '.text': new Uint8Array(4), '.modinfo': Buffer.from(fields.map((f) => `${f}\0`).join('')) },
  });
}
