import { closeSync, constants, openSync } from 'node:fs';
import { offload } from '../../net/link/offloads.js';
import { PortError } from '../portError.js';
import { errorName, type SystemCalls } from './systemCalls.node.js';

/** Numbers of Linux's ioctls for taps, on all processors but MIPS, PowerPC and SPARC. */
const request = {
  setInterface: 0x400454ca,
  setOffload: 0x400454d0,
  setHeaderBytes: 0x400454d8,
  setQueue: 0x400454d9,
  setLittleEndian: 0x400454dc,
} as const;

/** Flags of an interface: a tap of Ethernet frames, with the packet header of virtio, and several queues. */
const flag = { tap: 2, noPacketInformation: 0x1000, packetHeader: 0x4000, multiQueue: 0x100 } as const;
const flags = flag.tap | flag.noPacketInformation | flag.packetHeader | flag.multiQueue;
const queueFlag = { attach: 0x200, detach: 0x400 } as const;

/** `struct ifreq`: a name, and what is asked. */
const requestBytes = 40;
const nameBytes = 16;

/** What a packet can leave to us (TUN_F_*), the most first: kernels before 6.2 don't know the last two, UDP's segments. */
const taken = [0x7f, 0x1f] as const;
const common = offload.checksum | offload.tcp4 | offload.tcp6 | offload.ecn | offload.udp;

/** The header before each packet: `struct virtio_net_hdr_v1`. */
export const headerBytes = 12;

/** A tap that is open: one descriptor for each queue. */
export interface TapDevice {
  readonly descriptors: readonly number[];
  /** What the kernel takes as it is, as bits of `offload`. */
  readonly offloads: number;
}

/**
 * Opens a tap with all its queues, the interface being made if there is none of this name. All are attached.
 * @throws PortError where that can't be done
 */
export function openDevice(calls: SystemCalls, name: string, queues: number): TapDevice {
  const descriptors: number[] = [];
  try {
    while (descriptors.length < queues) descriptors.push(openQueue(calls, name));
    const [first] = descriptors;
    must(name, calls.ioctl(first, request.setHeaderBytes, new Uint8Array(Int32Array.of(headerBytes).buffer)));
    must(name, calls.ioctl(first, request.setLittleEndian, new Uint8Array(Int32Array.of(1).buffer)));
    const accepted = taken.find((set) => calls.ioctl(first, request.setOffload, set) >= 0);
    const segments = accepted === taken[0] ? offload.udpL4v4 | offload.udpL4v6 : 0;
    return { descriptors, offloads: common | segments };
  } catch (error) {
    closeDevice(descriptors);
    throw error;
  }
}

export function closeDevice(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) closeSync(descriptor);
}

/** Has the kernel use a queue, or not; what waits in a queue that is detached is lost. Answers an error, if any. */
export function useQueue(calls: SystemCalls, descriptor: number, use: boolean): number {
  return calls.ioctl(descriptor, request.setQueue, interfaceRequest('', use ? queueFlag.attach : queueFlag.detach));
}

function openQueue(calls: SystemCalls, name: string): number {
  const descriptor = openTun();
  const result = calls.ioctl(descriptor, request.setInterface, interfaceRequest(name, flags));
  if (result < 0) closeSync(descriptor);
  must(name, result);
  return descriptor;
}

function openTun(): number {
  try {
    return openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new PortError("There is no /dev/net/tun; load the kernel's module tun.");
    throw new PortError(code === 'EACCES' ? rights : `/dev/net/tun can't be opened: ${message}.`);
  }
}

function interfaceRequest(name: string, asked: number): Uint8Array {
  const bytes = new Uint8Array(requestBytes);
  bytes.set(new TextEncoder().encode(name));
  new Uint16Array(bytes.buffer, nameBytes, 1)[0] = asked;
  return bytes;
}

const rights =
  "A tap needs root's rights, or to be this user's: ip tuntap add dev NAME mode tap multi_queue vnet_hdr user USER makes one.";

function must(name: string, result: number): void {
  if (result >= 0) return;
  const code = errorName(result);
  const reasons: Readonly<Record<string, string>> = {
    EPERM: rights,
    EBUSY: `${name} is in use by another program; give another name.`,
    EINVAL: `${name} is there and no tap with several queues; give another name.`,
    E2BIG: `${name} has as many queues as it can have.`,
  };
  throw new PortError(reasons[code] ?? `${name} can't be opened as a tap: the system says ${code}.`);
}
