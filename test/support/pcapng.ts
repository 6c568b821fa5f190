/** A block as a reader with the specification in hand finds it (draft-ietf-opsawg-pcapng, section 3.1). */
export interface Block {
  readonly type: number;
  readonly body: DataView;
  /** Options by code: the bytes of each. */
  readonly options: ReadonlyMap<number, readonly Uint8Array[]>;
}

/** A frame of a capture. */
export interface CapturedFrame {
  readonly port: string;
  /** `in` comes from the card. */
  readonly direction: 'in' | 'out';
  /** In microseconds since 1970. */
  readonly time: number;
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly lane: number | undefined;
  /** Frames of the port missed since the one before. */
  readonly missed: number;
  readonly comments: readonly string[];
}

export interface CapturedPort {
  readonly name: string;
  readonly mac: string | undefined;
  readonly snapLength: number;
  /** Of the statistics at the end, where there are any. */
  statistics?: { readonly seen: number; readonly missed: number; readonly delivered: number };
}

const fixedBytes: Readonly<Record<number, (body: DataView) => number>> = {
  0x0a0d0d0a: () => 16,
  1: () => 8,
  5: () => 12,
  6: (body) => 20 + padded(body.getUint32(12, true)),
};

const padded = (length: number): number => 4 * Math.ceil(length / 4);
const bytesOf = ({ buffer, byteOffset }: DataView, at: number, length: number): Uint8Array =>
  new Uint8Array(buffer, byteOffset + at, length).slice();
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const number64 = (bytes: Uint8Array): number => Number(Buffer.from(bytes).readBigUInt64LE());

/** Takes a file of little-endian byte order apart. @throws Error where it is not as the specification says */
export function readBlocks(file: Uint8Array): Block[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const blocks: Block[] = [];
  for (let at = 0; at < file.length;) {
    const type = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    if (length % 4 !== 0 || view.getUint32(at + length - 4, true) !== length) throw new Error(`lengths at ${at}`);
    const body = new DataView(file.buffer, file.byteOffset + at + 8, length - 12);
    const options = new Map<number, Uint8Array[]>();
    let place = fixedBytes[type](body);
    for (;;) {
      const code = body.getUint16(place, true);
      const size = body.getUint16(place + 2, true);
      if (code === 0) break;
      options.set(code, [...(options.get(code) ?? []), bytesOf(body, place + 4, size)]);
      place += 4 + padded(size);
    }
    if (place + 4 !== body.byteLength) throw new Error(`options at ${at} do not end with the block`);
    blocks.push({ type, body, options });
    at += length;
  }
  return blocks;
}

/** What a capture tells. @throws Error where it is not as the specification says */
export function readCapture(file: Uint8Array): { ports: CapturedPort[]; frames: CapturedFrame[] } {
  const ports: CapturedPort[] = [];
  const frames: CapturedFrame[] = [];
  const [section, ...blocks] = readBlocks(file);
  if (section.type !== 0x0a0d0d0a || section.body.getUint32(0, true) !== 0x1a2b3c4d) throw new Error('no section');
  for (const { type, body, options } of blocks) {
    const one = (code: number): Uint8Array | undefined => options.get(code)?.[0];
    if (type === 1) {
      if (body.getUint16(0, true) !== 1 || one(9)?.[0] !== 6) throw new Error('not Ethernet in microseconds');
      const mac = one(6);
      ports.push({
        name: text(one(2)!),
        mac: mac && Buffer.from(mac).toString('hex'),
        snapLength: body.getUint32(4, true),
      });
    } else if (type === 5) {
      const count = (code: number): number => number64(one(code)!);
      ports[body.getUint32(0, true)].statistics = { seen: count(4), missed: count(5), delivered: count(8) };
    } else {
      const lane = one(6);
      const missed = one(4);
      frames.push({
        port: ports[body.getUint32(0, true)].name,
        direction: (['', 'in', 'out'] as const)[one(2)![0] & 3] as 'in' | 'out',
        time: body.getUint32(4, true) * 2 ** 32 + body.getUint32(8, true),
        bytes: bytesOf(body, 20, body.getUint32(12, true)),
        length: body.getUint32(16, true),
        lane: lane && Buffer.from(lane).readUInt32LE(),
        missed: missed ? number64(missed) : 0,
        comments: (options.get(1) ?? []).map(text),
      });
    }
  }
  return { ports, frames };
}
