import { etherType } from '../link/ethernet.js';
import { read16 } from '../link/words.js';
import { upper, type Packet } from './packet.js';
import { tunnelType } from './types.js';

const ipProtocol = { ipip: 4, gre: 47 } as const;
const udpBytes = 8;
const port = { vxlan: 4789, vxlanGpe: 4790, geneve: 6081, greUdp: 4754 } as const;
/** An Ethernet frame, where a tunnel names what it carries by an EtherType. */
const bridged = 0x6558;

/** Flags and version of GRE (RFC 2784 2.1, RFC 2890 2). Each option, of which the checksum is one, adds a word. */
const gre = { options: 0xb000, key: 0x2000, sequence: 0x1000, reservedAndVersion: 0x4c07 } as const;
/** Flags of VXLAN (RFC 7348 5) and of VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe 3.1): there is a network, a next protocol. */
const vxlanFlag = { instance: 0x08, nextProtocol: 0x04 } as const;
const vxlanBytes = 8;
const geneveBytes = 8;
/** By VXLAN-GPE's next protocol. */
const gpeProtocols: readonly (number | undefined)[] = [undefined, etherType.ipv4, etherType.ipv6, bridged];

/** What an encapsulated packet carries. Made once, and filled in by `find` for one packet after another. */
export class Tunnel {
  /** Every type of encapsulation, as bits of `tunnelType`, that the outer headers match; 0 when there is none. */
  types = 0;
  /** The bytes ended before the tunnel's header did. */
  cut = false;
  private protocol = 0;
  private at = 0;
  /** Where the bytes ended. */
  private end = 0;

  /** Looks at what `outer`, a packet in `bytes`, carries. */
  find(bytes: Uint8Array, outer: Packet): void {
    this.types = 0;
    this.cut = false;
    this.end = outer.end;
    if (outer.fragment) return;
    const at = outer.payload;
    if (outer.upper === upper.udp) this.findInUdp(bytes, read16(bytes, at + 2), at + udpBytes);
    else if (outer.protocol === ipProtocol.gre) this.findInGre(bytes, at, outer);
    else if (outer.protocol === ipProtocol.ipip && outer.version === 4) this.set(tunnelType.ipip, etherType.ipv4, at);
  }

  /** Fills `inner` in. Answers whether there is an IP packet inside. */
  parse(bytes: Uint8Array, inner: Packet): boolean {
    const { protocol, at, end } = this;
    return protocol === bridged ? inner.parseFrame(bytes, at, end) : inner.parse(bytes, protocol, at, end);
  }

  private findInUdp(bytes: Uint8Array, destinationPort: number, at: number): void {
    if (destinationPort === port.vxlan) this.findVxlan(bytes, at);
    else if (destinationPort === port.vxlanGpe) this.findVxlanGpe(bytes, at);
    else if (destinationPort === port.geneve) this.findGeneve(bytes, at);
    else if (destinationPort === port.greUdp && this.setGre(bytes, at)) this.types = tunnelType.greUdp;
  }

  private findVxlan(bytes: Uint8Array, at: number): void {
    if (this.isCut(at + vxlanBytes) || (bytes[at] & vxlanFlag.instance) === 0) return;
    this.set(tunnelType.vxlan, bridged, at + vxlanBytes);
  }

  private findVxlanGpe(bytes: Uint8Array, at: number): void {
    if (this.isCut(at + vxlanBytes) || (bytes[at] & vxlanFlag.instance) === 0) return;
    const protocol = (bytes[at] & vxlanFlag.nextProtocol) === 0 ? bridged : gpeProtocols[bytes[at + 3]];
    this.set(tunnelType.vxlanGpe, protocol ?? 0, at + vxlanBytes);
  }

  /** RFC 8926 3.4: version and length of the options, in words, lead the header. */
  private findGeneve(bytes: Uint8Array, at: number): void {
    if (this.isCut(at + geneveBytes) || bytes[at] >>> 6 !== 0) return;
    this.set(tunnelType.geneve, read16(bytes, at + 2), at + geneveBytes + 4 * (bytes[at] & 0x3f));
  }

  /** One packet may be of several kinds: RFC 2890 and RFC 7676 widen RFC 2784, and NVGRE (RFC 7637 3.2) narrows RFC 2890. */
  private findInGre(bytes: Uint8Array, at: number, outer: Packet): void {
    if (!this.setGre(bytes, at)) return;
    const flags = read16(bytes, at);
    if ((flags & (gre.key | gre.sequence)) !== 0) this.types |= tunnelType.gre2890;
    else if (outer.version === 4) this.types |= tunnelType.gre2784;
    if (outer.version === 6 || this.protocol === etherType.ipv6) this.types |= tunnelType.gre7676;
    if ((flags & gre.options) === gre.key && this.protocol === bridged) this.types |= tunnelType.nvgre;
  }

  /** Takes protocol and place from a GRE header. Answers whether there is one. */
  private setGre(bytes: Uint8Array, at: number): boolean {
    if (this.isCut(at + 4)) return false;
    const flags = read16(bytes, at);
    if ((flags & gre.reservedAndVersion) !== 0) return false;
    const words = (flags >>> 15) + ((flags >>> 13) & 1) + ((flags >>> 12) & 1);
    this.set(0, read16(bytes, at + 2), at + 4 + 4 * words);
    return true;
  }

  private set(types: number, protocol: number, at: number): void {
    this.types = types;
    this.protocol = protocol;
    this.at = at;
  }

  private isCut(end: number): boolean {
    if (end > this.end) this.cut = true;
    return this.cut;
  }
}
