import { RegisterBlock } from '../virtio/registers.js';
import { macBytes } from './mac.js';

/** Bits of the status field (virtio 5.1.4). */
const linkUp = 1;

export interface NetConfigState {
  mac: number[];
  linkUp: boolean;
}

/** The device configuration (virtio 5.1.4, struct virtio_net_config), as far as the offered features make it exist. */
export class NetConfig {
  readonly block: RegisterBlock;
  readonly mac = new Uint8Array(macBytes);
  linkUp = true;

  constructor(queuePairs: number, mtu: number) {
    this.block = new RegisterBlock(12, [
      ...Array.from(this.mac, (_, index) => ({
        name: `mac.${index}`,
        offset: index,
        width: 1 as const,
        read: () => this.mac[index],
      })),
      { name: 'status', offset: 6, width: 2, read: () => (this.linkUp ? linkUp : 0) },
      { name: 'maxVirtqueuePairs', offset: 8, width: 2, reset: queuePairs },
      { name: 'mtu', offset: 10, width: 2, reset: mtu },
    ]);
  }

  save(): NetConfigState {
    return { mac: Array.from(this.mac), linkUp: this.linkUp };
  }

  restore(state: NetConfigState): void {
    this.mac.set(state.mac);
    this.linkUp = state.linkUp;
  }
}
