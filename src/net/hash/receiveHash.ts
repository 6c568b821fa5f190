import type { Frame, Head } from '../link/frame.js';
import { Packet } from './packet.js';
import { longestKey, Toeplitz } from './toeplitz.js';
import { Tunnel } from './tunnel.js';
import { hashType, noReport, reportOf, supportedHashTypes, supportedTunnelTypes } from './types.js';

/** Where headers lie deeper than a frame's head they are looked for up to here, in bytes. */
const deepest = 2048;

/** Source and destination port, which start the header of TCP and of UDP. */
const portsBytes = 4;
const addressTypes = hashType.ipv4 | hashType.ipv6 | hashType.ipEx;
const mobileTypes = hashType.ipEx | hashType.tcpEx | hashType.udpEx;

export interface ReceiveHashState {
  types: number;
  key: number[];
  tunnelTypes: number;
}

/** What the driver wants to be hashed, and how; another object whenever that changes. */
interface Settings {
  readonly types: number;
  readonly key: Uint8Array;
  readonly tunnelTypes: number;
  readonly toeplitz: Toeplitz;
}

/** The hash of the packets for the guest (virtio 5.1.6.4.3), which steers them or is reported with them. */
export class ReceiveHash {
  private settings!: Settings;
  private readonly outer = new Packet();
  private readonly inner = new Packet();
  private readonly tunnel = new Tunnel();
  /** Made when a frame's headers first lie deeper than its head. */
  private deep: Head | undefined;

  constructor() {
    this.reset();
  }

  /** Nothing is hashed until the driver says what. */
  reset(): void {
    const key = new Uint8Array(0);
    this.settings = { types: 0, key, tunnelTypes: 0, toeplitz: new Toeplitz(key) };
  }

  /**
   * What the driver wants from now on. Answers false for types that are not supported, a key that is too long, or types
   * without a key.
   * @param types bits of `hashType`
   * @param key up to `longestKey` bytes
   */
  configure(types: number, key: Uint8Array): boolean {
    if ((types & ~supportedHashTypes) !== 0 || key.length > longestKey) return false;
    if (types !== 0 && key.length === 0) return false;
    this.settings = { ...this.settings, types, key: key.slice(), toeplitz: new Toeplitz(key) };
    return true;
  }

  /** VIRTIO_NET_CTRL_HASH_TUNNEL_SET (5.1.6.4.4): bits of `tunnelType`; false for any that is not supported. */
  setTunnelTypes(tunnelTypes: number): boolean {
    if ((tunnelTypes & ~supportedTunnelTypes) !== 0) return false;
    this.settings = { ...this.settings, tunnelTypes };
    return true;
  }

  /** Sees to it that the frame has `hash` and `hashReport` as this card's driver wants them. */
  find(frame: Frame): void {
    const { settings } = this;
    if (frame.hashedBy === settings) return;
    frame.hashedBy = settings;
    frame.hash = 0;
    frame.hashReport = noReport;
    if (settings.types === 0) return;
    const head = frame.head();
    if (!this.hash(frame, head) && frame.length > head.end - head.start) this.hash(frame, this.copyDeep(frame));
  }

  save(): ReceiveHashState {
    const { types, key, tunnelTypes } = this.settings;
    return { types, key: Array.from(key), tunnelTypes };
  }

  restore(state: ReceiveHashState): void {
    const key = Uint8Array.from(state.key);
    this.settings = { ...state, key, toeplitz: new Toeplitz(key) };
  }

  /** Hashes the frame that starts there. Answers whether its headers end there too. */
  private hash(frame: Frame, { bytes, start, end }: Head): boolean {
    const { outer, inner, tunnel } = this;
    const { types, tunnelTypes } = this.settings;
    let packet = outer;
    let isIp = outer.parseFrame(bytes, start, end);
    let cut = outer.cut;
    if (isIp && tunnelTypes !== 0) {
      tunnel.find(bytes, outer);
      cut ||= tunnel.cut;
      if ((tunnel.types & tunnelTypes) !== 0) {
        packet = inner;
        isIp = tunnel.parse(bytes, inner);
        cut ||= inner.cut;
      }
    }
    const type = isIp ? typeFor(packet, types) : 0;
    frame.hashReport = reportOf(type);
    frame.hash = type === 0 ? 0 : this.sum(bytes, packet, type);
    return !cut;
  }

  private sum(bytes: Uint8Array, packet: Packet, type: number): number {
    const { toeplitz } = this.settings;
    const { addressBytes } = packet;
    const mobile = (type & mobileTypes) !== 0;
    const source = mobile ? packet.homeSource : packet.source;
    const destination = mobile ? packet.homeDestination : packet.destination;
    const sum =
      toeplitz.part(0, bytes, source, addressBytes) ^ toeplitz.part(addressBytes, bytes, destination, addressBytes);
    if ((type & addressTypes) !== 0) return sum;
    return sum ^ toeplitz.part(2 * addressBytes, bytes, packet.payload, portsBytes);
  }

  private copyDeep(frame: Frame): Head {
    const deep = (this.deep ??= { bytes: new Uint8Array(deepest), start: 0, end: 0 });
    deep.end = Math.min(frame.length, deepest);
    frame.copy(0, deep.end, deep.bytes, 0);
    return deep;
  }
}

/** The type by which the packet is hashed, of those that are enabled; 0 for none. */
function typeFor(packet: Packet, enabled: number): number {
  if (packet.version === 4) return typeOfThree(hashType.ipv4, packet, enabled);
  const mobile = packet.extended ? typeOfThree(hashType.ipEx, packet, enabled) : 0;
  return mobile || typeOfThree(hashType.ipv6, packet, enabled);
}

/** With ports if they are enabled and the packet has them, else of the addresses alone if that is enabled. */
function typeOfThree(addresses: number, packet: Packet, enabled: number): number {
  return (addresses << packet.upper) & enabled || addresses & enabled;
}
