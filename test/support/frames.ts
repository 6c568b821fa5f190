/** A flow between two stations, as seen by whoever sends. */
export interface Flow {
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** 6 is TCP, 17 is UDP. */
  readonly protocol?: number;
  readonly version?: 4 | 6;
  readonly vlan?: number;
  /** The fragment's offset in units of 8 bytes; only in IPv4. */
  readonly fragment?: number;
}

export function reversed(flow: Flow): Flow {
  return {
    ...flow,
    source: flow.destination,
    destination: flow.source,
    sourcePort: flow.destinationPort,
    destinationPort: flow.sourcePort,
  };
}

/** An Ethernet frame that is no IP, of `size` bytes that all differ from those of other `seed`s. */
export function plainFrame(size: number, seed = 1): Uint8Array {
  const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31 + seed * 17 + (i >>> 8)) & 0xff);
  bytes.set([0x88, 0xb5].slice(0, Math.max(0, size - 12)), Math.min(12, size));
  return bytes;
}

/** The first frame of a flow with `payload` bytes behind the ports. */
export function flowFrame(flow: Flow, payload = 20): Uint8Array {
  const { version = 4, protocol = 6, vlan, fragment = 0 } = flow;
  const bytes: number[] = [2, 0, 0, 0, 0, flow.destination & 255, 2, 0, 0, 0, 0, flow.source & 255];
  const word = (value: number): void => void bytes.push((value >>> 8) & 255, value & 255);
  const zeros = (count: number): void => void bytes.push(...new Array<number>(count).fill(0));
  if (vlan !== undefined) {
    word(0x8100);
    word(vlan);
  }
  if (version === 4) {
    word(0x0800);
    bytes.push(0x45, 0, 0, 0, 0, 0);
    word(fragment);
    bytes.push(64, protocol, 0, 0);
    bytes.push(10, 0, flow.source >>> 8, flow.source & 255, 10, 0, flow.destination >>> 8, flow.destination & 255);
  } else {
    word(0x86dd);
    bytes.push(0x60, 0, 0, 0, 0, 0, protocol, 64);
    for (const station of [flow.source, flow.destination]) {
      bytes.push(0xfd);
      zeros(13);
      word(station);
    }
  }
  word(flow.sourcePort);
  word(flow.destinationPort);
  zeros(payload);
  return Uint8Array.from(bytes);
}
