/**
 * The guest's side of virtio, in TypeScript: a driver for PCI, virtio-pci and the network card that is written from the
 * specification alone and shares nothing with the device in this repository, so that each checks the other. It drives any
 * machine that the interface `Machine` describes; `src/lab/targets` has four.
 *
 * Everything is asynchronous, as a machine may be at the other end of a socket. From the ground up:
 *
 * - `Machine` (machine.ts): ports, memory bus, RAM, interrupt lines, time. `until` waits for something to happen.
 * - `DriverMemory` (memory.ts): RAM in pieces. Make a new one for each new start of a driver; all begin at the same place.
 * - `scanBus`, `findVirtioCard`, `PciCard` (pciCard.ts): configuration space, capability list, sizing and placing BARs.
 * - `readStructures` (structures.ts): the virtio capabilities as they are. `windowRegisters` (configWindow.ts): registers
 *   through the PCI configuration access capability.
 * - `Msix` (msix.ts): the table, masks and pending bits. Messages go to words of RAM; `take(vector)` looks and clears.
 * - `ModernTransport` (modern.ts), `LegacyTransport` (legacy.ts): the registers, `get` and `set` by name, and behind the
 *   interface `Transport` the steps that both have.
 *   `openModern`, `openLegacy`, `openTransport` (open.ts) find the card, place its BARs and make the transport.
 * - `reset`, `addStatus`, `negotiate`, `setUpQueue`, `suspend`, `resume` (initialise.ts): the steps of virtio 3.1.1, each to be called alone.
 *   Nothing holds you to their order: to break a rule, write the registers with `set`, or the ring's memory.
 * - `SplitRing`, `PackedRing` behind `DriverRing` (ring.ts): `add` (direct or indirect), `publish`, `collect`,
 *   `wantInterrupts`; `writeDescriptor` and the areas' addresses to do it wrongly. `Queue` adds `kick` and `notify`.
 * - `NetDriver.start(transport, options)` (net/netDriver.ts): a whole network driver. `send`, `sent`, `receive`, `packets`,
 *   `interrupts`, `command`; its `receivers`, `transmitters` and `control` are there to be used by hand.
 * - net/commands.ts makes every command of the control queue; `control.send` sends any bytes and answers what came back,
 *   `driver.command` throws when the answer is not VIRTIO_NET_OK.
 *
 * - local: data queues for memory in this process, synchronous and without an allocation for a frame. `localPair` takes over
 *   the queues of a pair; `localRing` makes a ring of plain data, as in another thread, over a SharedArrayBuffer.
 *
 * A whole start, by hand:
 *
 *     const transport = await openModern(machine);
 *     const features = await negotiate(transport, everythingBut('VIRTIO_F_RING_PACKED'));
 *     const ring = await setUpQueue(transport, features, 0, { size: 16 });
 *     await addStatus(transport, status.driverOk);
 *
 * When the device does what it must not do, and the driver can't go on, `DeviceError` says what; when it does nothing,
 * `TimeoutError` does.
 */
export { UnexpectedCard } from './errors.js';
export * from './features.js';
export { addStatus, negotiate, reset, resume, setUpQueue, suspend, type QueueOptions } from './initialise.js';
export { LegacyTransport, legacyField, type LegacyField } from './legacy.js';
export type { LocalMachine } from './local/machine.js';
export { LocalMemory } from './local/memory.js';
export { localRing } from './local/newRing.js';
export { LocalPackedRing } from './local/packedRing.js';
export { localPair, type LocalPair, type LocalPairOptions } from './local/pair.js';
export { LocalReceiveQueue, type LocalReceiveOptions } from './local/receive.js';
export {
  LocalTables,
  ringOptions,
  ringPlace,
  type LocalRing,
  type LocalRingOptions,
  type RingPlace,
} from './local/ring.js';
export { LocalSplitRing } from './local/splitRing.js';
export { LocalTransmitQueue, type LocalTransmitOptions } from './local/transmit.js';
export { DeviceError, TimeoutError, until, type Machine, type Range, type Width } from './machine.js';
export { DriverMemory, type Address } from './memory.js';
export { commonField, ModernTransport, type CommonField, type ModernOptions } from './modern.js';
export { Msix, noVector } from './msix.js';
export * as commands from './net/commands.js';
export { netConfigField, netStatus, readNetConfig, type NetConfig } from './net/config.js';
export { ControlQueue, type Answer, type CommandOptions } from './net/control.js';
export { decodeHeader, encodeHeader, gso, headerBytes, headerFlag, type PacketHeader } from './net/header.js';
export { NetDriver, type NetDriverOptions } from './net/netDriver.js';
export { ReceiveQueue, receiveBufferBytes, type Packet, type ReceiveOptions } from './net/receive.js';
export { TransmitQueue, type SendOptions } from './net/transmit.js';
export { openLegacy, openModern, openTransport } from './open.js';
export { PackedRing } from './packedRing.js';
export { findVirtioCard, PciCard, pciCommand, pciStatus, scanBus, type Bar, type Capability } from './pciCard.js';
export { Queue } from './queue.js';
export type { Registers } from './registers.js';
export type { AddOptions, DriverRing, Element, InterruptWish, RingOptions, UsedBuffer } from './ring.js';
export { descriptor, descriptorBytes, descriptorFlag } from './ring.js';
export { SplitRing } from './splitRing.js';
export { status } from './status.js';
export { firstOf, readStructures, structureType, type Structure } from './structures.js';
export { windowRegisters } from './configWindow.js';
export { consistently, type Doorbell, type Transport } from './transport.js';
