/** One file of the guest's first file system, without its path. */
export type TreeEntry =
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'file'; readonly mode: number; readonly data: Uint8Array }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'device'; readonly mode: number; readonly major: number; readonly minor: number };

/** A file system as a table: the path, without a leading slash, to the entry. */
export type Tree = Map<string, TreeEntry>;

/** The file type bits of a mode; the names are those of stat(2). */
const fileType = { directory: 0o040000, file: 0o100000, symlink: 0o120000, device: 0o020000 } as const;

const trailer = 'TRAILER!!!';
const text = new TextEncoder();

/** The folder that holds a path; empty for a path at the top. */
function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Adds the folders that the tree's paths imply, mode 0755, where the tree does not say otherwise. */
function withParents(tree: Tree): Tree {
  const whole: Tree = new Map(tree);
  for (const path of tree.keys()) {
    for (let folder = parentOf(path); folder && !whole.has(folder); folder = parentOf(folder)) {
      whole.set(folder, { kind: 'directory', mode: 0o755 });
    }
  }
  return whole;
}

/** One archive member: a header of thirteen eight-digit hexadecimal fields, the name, the data, each padded to four bytes. */
function member(inode: number, name: string, entry: TreeEntry | undefined): Uint8Array {
  const nameBytes = text.encode(`${name}\0`);
  const data =
    entry?.kind === 'file' ? entry.data : entry?.kind === 'symlink' ? text.encode(entry.target) : new Uint8Array(0);
  const permissions = !entry ? 0 : entry.kind === 'symlink' ? 0o777 : entry.mode;
  const device = entry?.kind === 'device' ? entry : { major: 0, minor: 0 };
  const header = [
    inode,
    (entry ? fileType[entry.kind] : 0) | permissions,
    0, // user
    0, // group
    entry?.kind === 'directory' ? 2 : 1, // links
    0, // time of modification: none, so that equal trees make equal archives
    data.length,
    0, // device that holds the file, major
    0, // and minor
    device.major,
    device.minor,
    nameBytes.length,
    0, // check sum, which this format leaves at zero
  ];
  const headerBytes = text.encode('070701' + header.map((field) => field.toString(16).padStart(8, '0')).join(''));
  const dataStart = (headerBytes.length + nameBytes.length + 3) & ~3;
  const bytes = new Uint8Array((dataStart + data.length + 3) & ~3);
  bytes.set(headerBytes);
  bytes.set(nameBytes, headerBytes.length);
  bytes.set(data, dataStart);
  return bytes;
}

/**
 * Packs a tree as the "newc" cpio archive that Linux unpacks as its initramfs (the kernel's
 * driver-api/early-userspace/buffer-format). Equal trees give equal bytes: members are sorted by path, belong to
 * root and carry no time.
 */
export function packCpio(tree: Tree): Uint8Array {
  const sorted = [...withParents(tree)].sort(([a], [b]) => (a < b ? -1 : 1));
  const members = sorted.map(([path, entry], index) => member(index + 1, path, entry));
  members.push(member(0, trailer, undefined));
  const archive = new Uint8Array(members.reduce((sum, bytes) => sum + bytes.length, 0));
  let offset = 0;
  for (const bytes of members) {
    archive.set(bytes, offset);
    offset += bytes.length;
  }
  return archive;
}
