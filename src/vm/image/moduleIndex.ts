/**
 * The binary index files that kmod's modprobe looks names up in (modules.dep.bin and its like). depmod writes them
 * on an installed system; here the builder does, so that no depmod is needed and the guest spends no time on it.
 *
 * The file is a trie, all numbers big-endian: the magic number, the version, the offset of the root node. A node is
 * its own prefix (if any), its range of children (first and last character, one offset each, 0 for none), and its
 * values (count, then priority and text each). The top bits of an offset say which of the three the node has.
 */
const magic = 0xb007f457;
const version = 0x00020001;
const nodeHas = { prefix: 0x80000000, values: 0x40000000, children: 0x20000000 } as const;

export interface IndexEntry {
  readonly key: string;
  readonly value: string;
  /** Lower comes first when several values share a key. */
  readonly priority: number;
}

const ascii = new TextEncoder();

class IndexWriter {
  readonly #bytes: number[] = [];

  get offset(): number {
    return this.#bytes.length;
  }

  byte(value: number): void {
    this.#bytes.push(value);
  }

  word(value: number, at = this.offset): void {
    [24, 16, 8, 0].forEach((shift, index) => (this.#bytes[at + index] = (value >>> shift) & 0xff));
  }

  string(value: string): void {
    this.#bytes.push(...ascii.encode(value), 0);
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** How many characters all keys share from `start` on. The keys are sorted, so the first and last decide. */
function sharedLength(entries: readonly IndexEntry[], start: number): number {
  const first = entries[0]?.key ?? '';
  const last = entries.at(-1)?.key ?? '';
  let length = 0;
  while (start + length < first.length && first[start + length] === last[start + length]) length += 1;
  return length;
}

/** Writes the node of all entries that agree in the first `start` characters, and answers its offset with its flags. */
function writeNode(writer: IndexWriter, entries: readonly IndexEntry[], start: number): number {
  const prefixLength = sharedLength(entries, start);
  const depth = start + prefixLength;
  const prefix = entries[0]?.key.slice(start, depth) ?? '';
  const values = entries.filter(({ key }) => key.length === depth).sort((a, b) => a.priority - b.priority);
  const groups = new Map<number, IndexEntry[]>();
  for (const entry of entries) {
    if (entry.key.length === depth) continue;
    const character = entry.key.charCodeAt(depth);
    groups.set(character, [...(groups.get(character) ?? []), entry]);
  }
  const children = new Map([...groups].map(([character, group]) => [character, writeNode(writer, group, depth + 1)]));

  const at = writer.offset;
  if (prefix) writer.string(prefix);
  if (children.size > 0) {
    const first = Math.min(...children.keys());
    const last = Math.max(...children.keys());
    writer.byte(first);
    writer.byte(last);
    for (let character = first; character <= last; character += 1) writer.word(children.get(character) ?? 0);
  }
  if (values.length > 0) {
    writer.word(values.length);
    for (const { value, priority } of values) {
      writer.word(priority);
      writer.string(value);
    }
  }
  const flags =
    (prefix ? nodeHas.prefix : 0) | (values.length ? nodeHas.values : 0) | (children.size ? nodeHas.children : 0);
  return (at | flags) >>> 0;
}

/** Writes an index of the entries. Keys are ASCII. */
export function packModuleIndex(entries: readonly IndexEntry[]): Uint8Array {
  const sorted = [...entries].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const writer = new IndexWriter();
  writer.word(magic);
  writer.word(version);
  writer.word(0);
  writer.word(writeNode(writer, sorted, 0), 8);
  return writer.finish();
}
